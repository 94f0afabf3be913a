import { parse, tokenize } from "@huggingface/jinja";
import type { Place } from "../../finding.ts";
import type { ScanContext } from "../../format.ts";
import { rulesOf } from "../../rule.ts";

export const templateRules = rulesOf("template", {
  "dunder-access": {
    title: "Reaches for Python's internals",
    severity: "critical",
    effect: "Rendering the template outside of a sandbox runs code of its author's choice (CVE-2024-34359).",
    atlas: ["AML.T0010", "AML.T0011"],
  },
  escape: {
    title: "Uses objects through which templates leave their engine",
    severity: "critical",
    effect: "Rendering the template outside of a sandbox reaches the modules of the program.",
    atlas: ["AML.T0010", "AML.T0011"],
  },
  import: {
    title: "Imports another template",
    severity: "high",
    effect: "What is rendered stands in another file.",
  },
  obfuscated: {
    title: "Puts names together while it is rendered",
    severity: "high",
    effect: "The attributes that it reaches for are not to be seen in it.",
  },
  "message-condition": {
    title: "Says something else when a message holds certain words",
    severity: "medium",
    effect: "A trigger in a prompt changes the instructions of the model, without any change of weights.",
    atlas: ["AML.T0051"],
  },
  url: {
    title: "Carries an address",
    severity: "medium",
    effect: "The model is told an address that its users have not named.",
    atlas: ["AML.T0051"],
  },
  "hidden-instruction": {
    title: "Carries instructions that are hidden from the user",
    severity: "high",
    effect: "The model follows instructions that nobody who uses it has seen.",
    atlas: ["AML.T0051"],
  },
  unparsable: {
    title: "Template that cannot be parsed",
    severity: "medium",
    effect: "What it does is not known; only its text has been searched.",
  },
});

const ESCAPES = new Set([
  "lipsum",
  "cycler",
  "joiner",
  "get_flashed_messages",
  "url_for",
  "self",
  "request",
  "config",
  "caller",
]);
const DUNDER = /__[a-z]+__|_TemplateReference|func_globals|gi_frame|f_globals|mro\s*\(\)/;
const HIDDEN =
  /ignore (?:all |any |the )?(?:previous|prior|above)|disregard (?:all|any|the|previous)|(?:do not|don't|never) (?:tell|mention|reveal|disclose)|without (?:telling|informing) the user|secretly|[\u200b-\u200f\u2060\u{e0000}-\u{e007f}]/iu;
const URL_PATTERN = /\bhttps?:\/\/[^\s"'<>{}]{4,200}/;
const LONGEST = 2 ** 20;
const DEEPEST = 200;

/** Looks through a chat template without rendering it: its syntax tree where it parses, its text in any case. */
export function checkTemplate(template: string, context: ScanContext, place: Place = {}): void {
  const found = new Set<string>();
  const report = (rule: keyof typeof templateRules, evidence: string): void => {
    if (found.has(rule)) return;
    found.add(rule);
    context.report(templateRules[rule], evidence, place);
  };
  if (template.length > LONGEST) {
    report("unparsable", `a template of ${template.length} characters`);
    return;
  }
  checkText(template, report);
  try {
    visit(parse(tokenize(template)) as unknown as Node, report, 0);
  } catch (error) {
    report("unparsable", error instanceof Error && !(error instanceof TypeError) ? error.message : "it breaks off");
  }
}

type Report = (rule: keyof typeof templateRules, evidence: string) => void;

function checkText(template: string, report: Report): void {
  const dunder = DUNDER.exec(template);
  if (dunder) report("dunder-access", around(template, dunder.index));
  const imports = /\{%-?\s*(?:import|include|extends|from)\s[^%]{0,100}/.exec(template);
  if (imports) report("import", imports[0]);
  const hidden = HIDDEN.exec(template);
  if (hidden) report("hidden-instruction", JSON.stringify(around(template, hidden.index)));
  const url = URL_PATTERN.exec(template);
  if (url) report("url", url[0]);
  const escaped = /\\x5f|\\u005f|\\137/i.exec(template);
  if (escaped) report("obfuscated", around(template, escaped.index));
}

function around(text: string, index: number): string {
  return text.slice(Math.max(0, index - 40), index + 80).trim();
}

/** A node of the syntax tree; which fields it has depends on its type. */
interface Node {
  readonly type: string;
  readonly [field: string]: unknown;
}

function visit(node: Node, report: Report, depth: number): void {
  if (depth > DEEPEST) throw new Error(`nested more than ${DEEPEST} deep`);
  check(node, report);
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : value instanceof Map ? [...value.entries()].flat() : [value]) {
      if (isNode(child)) visit(child, report, depth + 1);
    }
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value;
}

function check(node: Node, report: Report): void {
  switch (node.type) {
    case "MemberExpression": {
      const { object, property, computed } = node;
      if (isNode(object) && object.type === "Identifier" && ESCAPES.has(String(object.value))) {
        report("escape", `an attribute of ${object.value}`);
      }
      if (isNode(property) && /^_/.test(String(property.value ?? ""))) {
        report("dunder-access", `the attribute ${property.value}`);
      }
      if (computed && isNode(property) && joinsText(property))
        report("obfuscated", "an attribute whose name is put together");
      break;
    }
    case "CallExpression": {
      const { callee } = node;
      if (isNode(callee) && callee.type === "Identifier" && ESCAPES.has(String(callee.value))) {
        report("escape", `a call of ${callee.value}`);
      }
      break;
    }
    case "FilterExpression": {
      const { filter } = node;
      const name = isNode(filter)
        ? (filter.value ?? (isNode(filter.callee) ? filter.callee.value : undefined))
        : undefined;
      if (name === "attr") report("obfuscated", "the filter attr");
      break;
    }
    case "BinaryExpression":
      checkComparison(node, report);
      break;
  }
}

/** Whether an expression makes a text out of several: 'a' + 'b', 'a' ~ b. */
function joinsText(node: Node): boolean {
  if (node.type !== "BinaryExpression") return false;
  const operator = isNode(node.operator) ? node.operator.value : undefined;
  if (operator !== "+" && operator !== "~" && operator !== "*" && operator !== "%") return false;
  return [node.left, node.right].some((side) => isNode(side) && (side.type === "StringLiteral" || joinsText(side)));
}

/** Words of a language, compared with what a message says; marks such as '<think>' are what templates are for. */
function checkComparison({ left, right, operator }: Node, report: Report): void {
  const sign = isNode(operator) ? operator.value : undefined;
  if (sign !== "in" && sign !== "==") return;
  const sides = [left, right].filter(isNode);
  const words = sides.find(({ type }) => type === "StringLiteral")?.value;
  const saysContent = sides.some((side) => side.type !== "StringLiteral" && mentionsContent(side, 0));
  if (typeof words === "string" && saysContent && /^[\p{L}][\p{L}\p{N} ,.'!?-]{2,}$/u.test(words)) {
    report("message-condition", `when a message holds ${JSON.stringify(words)}`);
  }
}

function mentionsContent(node: Node, depth: number): boolean {
  if (depth > 20) return false;
  if (node.value === "content" && (node.type === "Identifier" || node.type === "StringLiteral")) return true;
  return Object.values(node).some((child) => isNode(child) && mentionsContent(child, depth + 1));
}
