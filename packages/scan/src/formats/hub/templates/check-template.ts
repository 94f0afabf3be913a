import type { Place } from "../../../finding.ts";
import type { ScanContext } from "../../../format.ts";
import { checkConditions } from "./conditions.ts";
import { checkEscapes, type Tell } from "./escapes.ts";
import { type JinjaNode, nodesOf, parseTemplate } from "./syntax-tree.ts";
import { templateRules } from "./template-rules.ts";
import { checkTexts } from "./texts.ts";

const LONGEST_TEMPLATE = 2 ** 20;
const LONGEST_GAP = 400;
const IMPORT = /\{%[-+]?\s{0,100}(include|import|from|extends)\b[^%]{0,400}%\}/g;

/** Reports what a Jinja template would do: it is parsed to its tree, and never rendered. */
export function checkTemplate(template: string, place: Place, context: ScanContext): void {
  const tell: Tell = (rule, evidence) => context.report(templateRules[rule], evidence, place);
  if (template.length > LONGEST_TEMPLATE) {
    tell("unparsable", `${template.length} characters: expected at most ${LONGEST_TEMPLATE}`);
    return;
  }
  const compact = withoutGaps(template);
  if (compact.length < template.length) tell("padding", `white space of more than ${LONGEST_GAP} characters`);
  for (const [, statement] of compact.matchAll(IMPORT)) tell("import", `the statement ${statement}`);
  const text = compact.replace(IMPORT, ""); // which the parser does not know
  let root: JinjaNode;
  try {
    root = parseTemplate(text);
  } catch (error) {
    checkUnparsed(text, tell);
    tell("unparsable", error instanceof TypeError || error instanceof RangeError ? "it breaks off" : String(error));
    return;
  }
  checkEscapes(root, tell);
  checkConditions(root, tell);
  checkTexts(textsOf(root), tell);
}

/** Shortens long runs of white space, over which the parser's expressions would take their square in time. */
function withoutGaps(template: string): string {
  let run = 0;
  let text = "";
  let from = 0;
  for (let at = 0; at < template.length; at++) {
    run = isSpace(template.charCodeAt(at)) ? run + 1 : 0;
    if (run <= LONGEST_GAP) continue;
    text += template.slice(from, at);
    from = at + 1;
  }
  return text + template.slice(from);
}

function isSpace(code: number): boolean {
  return (
    code <= 0x20 ||
    code === 0xa0 ||
    code === 0x1680 ||
    (code >= 0x2000 && code <= 0x200a) ||
    [0x2028, 0x2029, 0x202f, 0x205f, 0x3000, 0xfeff].includes(code)
  );
}

function* textsOf(root: JinjaNode): Generator<string> {
  for (const { type, value } of nodesOf(root))
    if ((type === "StringLiteral" || type === "Comment") && typeof value === "string") yield value;
}

/** What can be told of a template that does not parse: the words in it, after their escapes. */
function checkUnparsed(text: string, tell: Tell): void {
  const plain = text.replace(
    /\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|([0-7]{1,3}))/gi,
    (written, ...groups: (string | undefined)[]) => {
      const [x, u, long, octal] = groups;
      const code = octal === undefined ? Number.parseInt(x ?? u ?? long ?? "", 16) : Number.parseInt(octal, 8);
      return code <= 0x10ffff ? String.fromCodePoint(code) : written;
    },
  );
  const bare = plain.replace(/['"]\s{0,20}[~+]?\s{0,20}['"]/g, "");
  const [internal] =
    /__(?:class|mro|base|bases|subclasses|globals|builtins|import|init|dict|getattribute|reduce|code|call)__/.exec(
      bare,
    ) ?? [];
  if (internal !== undefined) tell("dunder-access", `the text ${internal}`);
  const [command] =
    /\b(?:popen|check_output|getoutput|Popen|import_module)\b|\b(?:os|posix)\s{0,5}\.\s{0,5}system\b/.exec(bare) ?? [];
  if (command !== undefined) tell("run-command", `the text ${command}`);
  if (/\|\s{0,20}attr\b/.test(bare)) tell("obfuscated", "the filter attr");
  checkTexts([plain], tell);
}
