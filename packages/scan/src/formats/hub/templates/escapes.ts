import { constantOf, type Known } from "./constants.ts";
import {
  calledMethod,
  calledName,
  isNode,
  type JinjaNode,
  listOf,
  nameOf,
  nodesOf,
  operatorOf,
} from "./syntax-tree.ts";
import type { templateRules } from "./template-rules.ts";

/** What a check of a template tells of: a rule, and the words that show it. */
export type Tell = (rule: keyof typeof templateRules, evidence: string) => void;

const INTERNAL =
  /^(?:__\w+__|func_(?:globals|code)|gi_\w+|cr_\w+|ag_\w+|f_(?:globals|locals|builtins|back|code)|tb_\w+|co_\w+|im_\w+|mro)$/;
const INTERNAL_WITHIN =
  /__(?:class|mro|base|bases|subclasses|globals|builtins|import|init|dict|getattribute|getattr|reduce|reduce_ex|code|call|new|self|module|loader|closure|func)__/;
const RUNS = new Set([
  ..."popen system check_output getoutput getstatusoutput Popen eval exec execfile compile import_module".split(" "),
  ..."__import__ spawn execv execve run_path run_module open_code".split(" "),
]);
const LEADS_OUT = new Set([
  ..."cycler joiner lipsum self request config application url_for get_flashed_messages session".split(" "),
  ..."os sys subprocess builtins importlib environment context".split(" "),
]);
/** Filters whose argument names an attribute. */
const BY_ATTRIBUTE = new Set([
  "attr",
  "map",
  "selectattr",
  "rejectattr",
  "groupby",
  "sort",
  "sum",
  "unique",
  "min",
  "max",
]);
const LONGEST_LOOP = 1_000_000;

/** Tells where a template reaches for Python: internal attributes, however their names are written, and what runs commands. */
export function checkEscapes(root: JinjaNode, tell: Tell): void {
  const known: Known = new Map();
  const own = ownNames(root);
  for (const node of nodesOf(root)) {
    checkNode(node, known, own, tell);
    if (node.type === "Set") {
      const name = nameOf(node.assignee);
      const value = constantOf(node.value, known);
      if (name !== undefined && value !== undefined) known.set(name, value);
      else if (name !== undefined) known.delete(name);
    }
  }
}

/** Names that the template itself gives to values. */
function ownNames(root: JinjaNode): ReadonlySet<string> {
  const names = new Set<string>();
  const add = (part: unknown): void => {
    const name = nameOf(part);
    if (name !== undefined) names.add(name);
    if (isNode(part) && part.type === "TupleLiteral") for (const each of listOf(part.value)) add(each);
    if (isNode(part) && part.type === "KeywordArgumentExpression") add(part.key);
  };
  for (const node of nodesOf(root)) {
    if (node.type === "Set") add(node.assignee);
    if (node.type === "For") add(node.loopvar);
    if (node.type === "Macro") for (const each of [node.name, ...listOf(node.args)]) add(each);
    if (node.type === "CallStatement") for (const each of listOf(node.callerArgs)) add(each);
  }
  return names;
}

function checkNode(node: JinjaNode, known: Known, own: ReadonlySet<string>, tell: Tell): void {
  switch (node.type) {
    case "MemberExpression":
      checkMember(node, known, own, tell);
      break;
    case "FilterExpression":
      checkBuilt(node, known, tell);
      checkFilter(node, known, tell);
      break;
    case "BinaryExpression":
      checkSize(node, tell);
      checkBuilt(node, known, tell);
      break;
    case "CallExpression":
      checkBuilt(node, known, tell);
      checkCall(node, known, own, tell);
      break;
    case "Identifier": {
      const name = String(node.value);
      if (INTERNAL.test(name) && name.startsWith("__")) tell("dunder-access", `reads ${name}`);
      break;
    }
    case "StringLiteral": {
      const [found] = INTERNAL_WITHIN.exec(String(node.value)) ?? [];
      if (found !== undefined) tell("dunder-access", `the text ${found}`);
    }
  }
}

function checkMember({ object, property, computed }: JinjaNode, known: Known, own: ReadonlySet<string>, tell: Tell) {
  const from = nameOf(object);
  if (from !== undefined && LEADS_OUT.has(from) && !own.has(from)) tell("escape", `reads from ${from}`);
  const name = computed === true ? constantOf(property, known) : nameOf(property);
  if (name !== undefined) {
    if (INTERNAL.test(name)) tell("dunder-access", `reads ${name}`);
    else if (computed !== true && name.startsWith("_")) tell("obfuscated", `reads ${name}`);
  }
  if (computed === true && isNode(property) && isBuilt(property) && name === undefined)
    tell("obfuscated", "an attribute's name is put together");
}

/** Whether an expression makes a text out of pieces, rather than being one. */
function isBuilt(node: JinjaNode): boolean {
  if (node.type === "BinaryExpression") {
    if (operatorOf(node) === "~") return true;
    const parts = [node.left, node.right];
    return ["+", "%"].includes(operatorOf(node)) && parts.some((part) => isNode(part) && part.type === "StringLiteral");
  }
  return (
    node.type === "FilterExpression" &&
    ["join", "replace", "format", "reverse"].includes(calledName(node.filter)?.name ?? "")
  );
}

function checkFilter(node: JinjaNode, known: Known, tell: Tell): void {
  const called = calledName(node.filter);
  if (!called || !BY_ATTRIBUTE.has(called.name)) return;
  const [first] = called.args;
  const argument =
    called.name === "attr" || /attr$/.test(called.name)
      ? first
      : called.args.find(({ key }) => nameOf(key) === "attribute")?.value;
  if (!isNode(argument)) return;
  const name = constantOf(argument, known);
  if (name?.split(".").some((part) => INTERNAL.test(part)))
    tell("dunder-access", `reads ${name} by the filter ${called.name}`);
  else if (called.name === "attr" && name !== undefined && isBuilt(argument))
    tell("obfuscated", `puts together the attribute ${name}`);
  else if (name === undefined && called.name === "attr")
    tell("obfuscated", "the filter attr, with a name from elsewhere");
}

/** Texts put together that are the name of something internal in the end. */
function checkBuilt(node: JinjaNode, known: Known, tell: Tell): void {
  const text = constantOf(node, known);
  const [found] = text === undefined ? [] : (INTERNAL_WITHIN.exec(text) ?? []);
  if (found !== undefined) tell("dunder-access", `puts together the text ${found}`);
}

function checkCall(node: JinjaNode, known: Known, own: ReadonlySet<string>, tell: Tell): void {
  const method = calledMethod(node);
  const name = method?.name ?? nameOf(node.callee) ?? calledByKey(node, known);
  if (name === undefined) return;
  if (RUNS.has(name) && !own.has(name)) tell("run-command", `calls ${name}`);
  if (!method && LEADS_OUT.has(name) && !own.has(name)) tell("escape", `calls ${name}`);
  if (!method && name === "range") checkRange(listOf(node.args), tell);
}

/** `x['popen']('id')`, and what the filter attr gives. */
function calledByKey({ callee }: JinjaNode, known: Known): string | undefined {
  if (!isNode(callee)) return undefined;
  if (callee.type === "MemberExpression") return constantOf(callee.property, known);
  if (callee.type !== "FilterExpression") return undefined;
  const called = calledName(callee.filter);
  return called?.name === "attr" ? constantOf(called.args[0], known) : undefined;
}

function checkRange(args: readonly JinjaNode[], tell: Tell): void {
  for (const { type, value } of args)
    if (type === "IntegerLiteral" && Number(value) > LONGEST_LOOP) tell("exhaustion", `a loop of ${value} rounds`);
}

/** Powers, and texts or lists repeated, of any size. */
function checkSize(node: JinjaNode, tell: Tell): void {
  const operator = operatorOf(node);
  const sizes = [node.left, node.right].map((part) => (isNode(part) ? Number(part.value) : Number.NaN));
  if (operator === "**" && (sizes[1] ?? 0) > 16) tell("exhaustion", `a number to the power of ${sizes[1]}`);
  if (operator === "*" && sizes.some((size) => size > LONGEST_LOOP))
    tell("exhaustion", `a text ${Math.max(...sizes.filter((size) => size > 0))} times`);
}
