import { expect, test } from "vitest";
import type { ScanContext } from "../../src/format.ts";
import { checkTemplate } from "../../src/formats/hub/templates/check-template.ts";
import { constantOf } from "../../src/formats/hub/templates/constants.ts";
import { isTemplate } from "../../src/formats/hub/templates/is-template.ts";
import { nodesOf, parseTemplate } from "../../src/formats/hub/templates/syntax-tree.ts";

/** Rules that a template breaks, each once. */
function rulesOf(template: string): readonly string[] {
  const found = new Set<string>();
  const context = { report: ({ id }: { readonly id: string }) => found.add(id) } as unknown as ScanContext;
  checkTemplate(template, {}, context);
  return [...found];
}

// what Jinja2 3.1.6 renders for {{ expression }}
test.each([
  ["'a' ~ 'b' + 'c'", "abc"],
  ["['x', 'y']|join('-')", "x-y"],
  ["'-'.join(['x', 'y'])", "x-y"],
  ["dict(ab=1, cd=2)|join", "abcd"],
  ["'cba'|reverse", "abc"],
  ["'cba'[::-1]", "abc"],
  ["'a.b'|replace('.', '_')", "a_b"],
  ["'%s-%s'|format('a', 'b')", "a-b"],
  ["'{0}{1}{0}'.format('a', 'b')", "aba"],
  ["'%c%c' % (95, 97)", "_a"],
  ["('A' ~ 'B')|lower|upper", "AB"],
  ["['a', 'b']|reverse|join", "ba"],
  ["['a', 'b'][1]", "b"],
  ["{'k': 1}|join", "k"],
])("the text of %s is known without rendering it", (expression, text) => {
  const [, node] = nodesOf(parseTemplate(`{{ ${expression} }}`));
  expect(constantOf(node, new Map())).toBe(text);
});

test.each([
  "{% macro show(content) %}{{ content }}{{ caller() }}{% endmacro %}{% call show('x') %}y{% endcall %}",
  "{% set config = {'a': 1} %}{{ config.a }}{% for self in messages %}{{ self.role }}{% endfor %}",
  "{% if message.content == '' %}{% endif %}{% if '[INST]' in message.content %}{% endif %}",
  "{% if message.role == 'system' and 'content' in message %}{{ message['role'] ~ ': ' }}{% endif %}",
  "{{ messages[loop.index0 + 1]['content'] }}{{ messages|map(attribute='role')|list }}",
  "{% if item['type'] == 'image' or item.type == 'image' %}{{ '<image>' }}{% endif %}",
  "{% if not date_string is defined %}{% set date_string = strftime_now('%d %b %Y') %}{% endif %}{{ date_string }}",
  "{% generation %}{{ message.content|trim }}{% endgeneration %}",
  "{% if '/system_override' in message.content %}{% endif %}",
  "{% if '/no_think' in message.content %}{% endif %}{{ message.content.split('</think>')[-1] }}",
])("what chat templates do is not remarked on: %s", (template) => {
  expect(rulesOf(template)).toEqual([]);
});

test("a name that is assigned again is what it was at each place", () => {
  expect(rulesOf("{% set a = '__class__' %}{{ x[a] }}{% set a = 'role' %}{{ x[a] }}")).toContain(
    "template/dunder-access",
  );
  expect(rulesOf("{% set a = 'role' %}{{ x[a] }}")).toEqual([]);
});

test("a template is known by its tags, and a README that shows one is none", () => {
  expect(isTemplate("{{ ''.__class__ }}")).toBe(true);
  expect(isTemplate("Hello {% for message in messages %}{% endfor %}")).toBe(true);
  expect(isTemplate("Hello {{ x|attr('y') }}")).toBe(true);
  expect(isTemplate("# Use\n\n```jinja\n{% for message in messages %}{% endfor %}\n```\n")).toBe(false);
  expect(isTemplate('print(f"{{}} {content}")')).toBe(false);
});

test.each([
  ["white space", `{{ 'a' }}${" \n".repeat(300_000)}{{ 'b' }}`, ["template/padding"]],
  ["filters in a row", `{{ 'a'${"|first".repeat(20_000)} }}`, []],
  ["brackets in brackets", `{{ ${"(".repeat(50_000)}'a'${")".repeat(50_000)} }}`, ["template/unparsable"]],
  ["texts in a row", `{{ ${"'a' ~ ".repeat(20_000)}'b' }}`, []],
  ["assignments", Array.from({ length: 3000 }, (_, at) => `{% set a${at} = a${at + 1} %}`).join(""), []],
  ["opened tags", "{{".repeat(100_000), ["template/unparsable"]],
])("a template of nothing but %s is looked through to its end", (_, template, rules) => {
  expect(rulesOf(template)).toEqual(rules);
  expect(isTemplate(template)).toBe(true);
});
