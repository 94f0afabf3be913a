import { parse, tokenize } from "@huggingface/jinja";

/** A node of a parsed template: its type and, by the parser's names, its parts. */
export type JinjaNode = { readonly type: string } & Readonly<Record<string, unknown>>;

/** Parses a template to its tree; nothing is rendered. Throws what the parser throws. */
export function parseTemplate(text: string): JinjaNode {
  return parse(tokenize(text)) as unknown as JinjaNode;
}

/** Every node of a tree, in the order of the text. */
export function* nodesOf(root: JinjaNode): Generator<JinjaNode> {
  const left: JinjaNode[] = [root];
  for (let node = left.pop(); node; node = left.pop()) {
    yield node;
    left.push(...childrenOf(node).reverse());
  }
}

function childrenOf(node: JinjaNode): JinjaNode[] {
  return Object.entries(node).flatMap(([name, part]) => (name === "operator" ? [] : nodesIn(part)));
}

/** The nodes in a part of a node: one, several in a list, keys and values of a map, or none. */
function nodesIn(part: unknown): JinjaNode[] {
  if (Array.isArray(part)) return part.flatMap(nodesIn);
  if (part instanceof Map) return [...part].flatMap(nodesIn);
  return isNode(part) ? [part] : [];
}

export function isNode(part: unknown): part is JinjaNode {
  return typeof part === "object" && part !== null && "type" in part && typeof part.type === "string";
}

/** A part that is a list of nodes. */
export function listOf(part: unknown): readonly JinjaNode[] {
  return Array.isArray(part) ? part.filter(isNode) : [];
}

/** The name of an identifier, undefined for any other node. */
export function nameOf(part: unknown): string | undefined {
  return isNode(part) && part.type === "Identifier" && typeof part.value === "string" ? part.value : undefined;
}

/** The name of a filter or of what a call calls, with the arguments; a filter without them has none. */
export function calledName(part: unknown): { readonly name: string; readonly args: readonly JinjaNode[] } | undefined {
  if (!isNode(part)) return undefined;
  if (part.type === "CallExpression") {
    const name = nameOf(part.callee);
    return name === undefined ? undefined : { name, args: listOf(part.args) };
  }
  const name = nameOf(part);
  return name === undefined ? undefined : { name, args: [] };
}

/** The method that a call calls on an object: `content.startswith('x')`. */
export function calledMethod(
  node: JinjaNode,
): { readonly object: JinjaNode; readonly name: string; readonly args: readonly JinjaNode[] } | undefined {
  if (node.type !== "CallExpression" || !isNode(node.callee) || node.callee.type !== "MemberExpression")
    return undefined;
  const { object, property, computed } = node.callee;
  const name = computed === true ? undefined : nameOf(property);
  return name === undefined || !isNode(object) ? undefined : { object, name, args: listOf(node.args) };
}

/** The operator of a binary expression, "" for any other node. */
export function operatorOf({ type, operator }: JinjaNode): string {
  if (type !== "BinaryExpression" || typeof operator !== "object" || operator === null) return "";
  return "value" in operator ? String(operator.value) : "";
}
