import { constantOf, type Known } from "./constants.ts";
import type { Tell } from "./escapes.ts";
import { calledMethod, calledName, isNode, type JinjaNode, nameOf, nodesOf, operatorOf } from "./syntax-tree.ts";

const CONTENT = new Set(["content", "text", "user_message", "user_input", "prompt", "query"]);
const CLOCK = new Set(["strftime_now", "now", "today", "utcnow"]);
const COMPARISONS = new Set(["in", "not in", "==", "!=", "<", ">", "<=", ">="]);
const TEXT_METHODS = new Set(
  "startswith endswith find rfind index rindex count lower upper strip lstrip rstrip split rsplit partition rpartition replace title casefold removeprefix removesuffix".split(
    " ",
  ),
);
const TEXT_FILTERS = new Set("lower upper trim string title replace first last escape e safe striptags".split(" "));
const DEEPEST = 60;
const ROUNDS = 20; // of assignments that go against the order of the text

/** Names of variables that hold a message's words, and those that hold the time. */
interface Sources {
  readonly content: Set<string>;
  readonly clock: Set<string>;
}

/** Tells where what a template says depends on words in a message, or on the date. Marks such as </think> are part of a protocol, not words. */
export function checkConditions(root: JinjaNode, tell: Tell): void {
  const nodes = [...nodesOf(root)];
  const sources = sourcesOf(nodes);
  const known: Known = new Map();
  for (const node of nodes) {
    if (node.type === "Set") {
      const name = nameOf(node.assignee);
      const value = constantOf(node.value, known);
      if (name !== undefined && value !== undefined) known.set(name, value);
    }
    checkWords(node, sources, known, tell);
    checkTime(node, sources, tell);
  }
}

function sourcesOf(nodes: readonly JinjaNode[]): Sources {
  const sources = { content: new Set(CONTENT), clock: new Set<string>() };
  for (let round = 0, before = -1; round < ROUNDS && before !== sources.content.size + sources.clock.size; round++) {
    before = sources.content.size + sources.clock.size;
    for (const { type, assignee, value } of nodes) {
      const name = type === "Set" ? nameOf(isNode(assignee) ? (assignee.property ?? assignee) : assignee) : undefined;
      if (name === undefined || !isNode(value)) continue;
      if (isContent(value, sources)) sources.content.add(name);
      if (isClock(value, sources)) sources.clock.add(name);
    }
  }
  return sources;
}

function isContent(node: unknown, sources: Sources, depth = 0): boolean {
  if (!isNode(node) || depth > DEEPEST) return false;
  const inner = (part: unknown) => isContent(part, sources, depth + 1);
  switch (node.type) {
    case "Identifier":
      return sources.content.has(String(node.value));
    case "MemberExpression": {
      const { object, property, computed } = node;
      const name = computed === true ? (isNode(property) ? property.value : undefined) : nameOf(property);
      if (typeof name === "string" && computed === true && isNode(property) && property.type === "Identifier")
        return false;
      if (typeof name === "string") return sources.content.has(name);
      return inner(object); // a character, or a slice
    }
    case "CallExpression": {
      const method = calledMethod(node);
      return method !== undefined && TEXT_METHODS.has(method.name) && inner(method.object);
    }
    case "FilterExpression":
      return TEXT_FILTERS.has(calledName(node.filter)?.name ?? "") && inner(node.operand);
    case "Ternary":
      return inner(node.trueExpr) || inner(node.falseExpr);
    case "BinaryExpression":
      return ["+", "~"].includes(operatorOf(node)) && (inner(node.left) || inner(node.right));
    default:
      return false;
  }
}

function isClock(node: unknown, sources: Sources, depth = 0): boolean {
  if (!isNode(node) || depth > DEEPEST) return false;
  const called = node.type === "CallExpression" ? (calledMethod(node)?.name ?? nameOf(node.callee)) : undefined;
  if (called !== undefined && CLOCK.has(called)) return true;
  if (node.type === "Identifier") return sources.clock.has(String(node.value));
  return [node.operand, node.object, calledMethod(node)?.object].some((part) => isClock(part, sources, depth + 1));
}

function checkWords(node: JinjaNode, sources: Sources, known: Known, tell: Tell): void {
  const words: unknown[] = [];
  if (COMPARISONS.has(operatorOf(node))) {
    if (isContent(node.left, sources)) words.push(...itemsOf(node.right));
    if (isContent(node.right, sources)) words.push(...itemsOf(node.left));
  }
  const method = calledMethod(node);
  if (method && TEXT_METHODS.has(method.name) && isContent(method.object, sources)) words.push(...method.args);
  if (node.type === "FilterExpression") {
    const called = calledName(node.filter);
    if (called?.name === "replace" && isContent(node.operand, sources)) words.push(called.args[0]);
    if (/^(?:select|reject)attr$/.test(called?.name ?? "") && CONTENT.has(constantOf(called?.args[0], known) ?? ""))
      words.push(...(called?.args.slice(2) ?? []));
  }
  for (const word of words) {
    const text = constantOf(word, known);
    if (text !== undefined && isWords(text))
      tell("message-condition", `looks for '${text.slice(0, 100)}' in a message`);
  }
}

/** The items of a list, or the one thing. */
function itemsOf(part: unknown): readonly unknown[] {
  return isNode(part) && (part.type === "ArrayLiteral" || part.type === "TupleLiteral") && Array.isArray(part.value)
    ? part.value
    : [part];
}

/** Whether anything of a text is language, rather than the marks of a protocol: <think>, [INST], /no_think, ```json. */
function isWords(text: string): boolean {
  const rest = text
    .replace(/<[|/\uff5c]?[\w|\uff5c\u2581:.= -]{0,60}[|\uff5c]?>?/g, "")
    .replace(/\[\/?(?:INST|SYSTEM_PROMPT|TOOL_\w{1,30}|AVAILABLE_TOOLS|IMG|THINK)\]?/g, "")
    .replace(/^\s*\/(?:(?:no_)?think|system_override)\s*$/, "")
    .replace(/^`{3}\w{0,12}$/, "");
  return /\p{L}{3}|\d{4}|[^ -~\s]{2}/u.test(rest);
}

function checkTime(node: JinjaNode, sources: Sources, tell: Tell): void {
  if (COMPARISONS.has(operatorOf(node)) && [node.left, node.right].some((part) => isClock(part, sources)))
    tell("time-condition", "compares the date");
}
