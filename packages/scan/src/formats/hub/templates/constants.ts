import { calledMethod, calledName, isNode, type JinjaNode, listOf, nameOf, operatorOf } from "./syntax-tree.ts";

const DEEPEST = 60;
const LONGEST = 4096;

/** Texts that variables of a template stand for, as far as they are known. */
export type Known = Map<string, string>;

/** The text that an expression always gives, however it is put together; undefined if it depends on anything else. */
export function constantOf(node: unknown, known: Known, depth = 0): string | undefined {
  const text = isNode(node) && depth < DEEPEST ? fold(node, known, depth + 1) : undefined;
  return text === undefined || text.length > LONGEST ? undefined : text;
}

function fold(node: JinjaNode, known: Known, depth: number): string | undefined {
  switch (node.type) {
    case "StringLiteral":
      return String(node.value);
    case "IntegerLiteral":
      return String(node.value);
    case "Identifier":
      return known.get(String(node.value));
    case "BinaryExpression":
      return foldBinary(node, known, depth);
    case "FilterExpression": {
      const called = calledName(node.filter);
      return called && isNode(node.operand) ? apply(called.name, node.operand, called.args, known, depth) : undefined;
    }
    case "CallExpression": {
      const method = calledMethod(node);
      if (!method) return undefined;
      const { object, name, args } = method;
      if (name !== "join") return apply(name, object, args, known, depth);
      return args[0] && joined(args[0], constantOf(object, known, depth), known, depth);
    }
    case "MemberExpression":
      return foldMember(node, known, depth);
    default:
      return undefined;
  }
}

function foldBinary(node: JinjaNode, known: Known, depth: number): string | undefined {
  const left = constantOf(node.left, known, depth);
  if (left === undefined) return undefined;
  switch (operatorOf(node)) {
    case "+":
    case "~": {
      const right = constantOf(node.right, known, depth);
      return right === undefined ? undefined : left + right;
    }
    case "%": {
      const args =
        isNode(node.right) && node.right.type === "TupleLiteral" ? listOf(node.right.value) : [node.right as JinjaNode];
      return formatted(left, args, known, depth);
    }
    default:
      return undefined;
  }
}

/** A slice from the end to the beginning, or one character. */
function foldMember({ object, property }: JinjaNode, known: Known, depth: number): string | undefined {
  if (!isNode(property)) return undefined;
  if (property.type === "IntegerLiteral") return listItems(object, known, depth)?.at(Number(property.value));
  if (property.type !== "SliceExpression") return undefined;
  const text = constantOf(object, known, depth);
  const step = isNode(property.step) ? stepOf(property.step) : 1;
  return step === -1 && text !== undefined ? reversed(text) : undefined;
}

function stepOf(step: JinjaNode): number {
  if (step.type === "UnaryExpression" && isNode(step.argument)) return -Number(step.argument.value);
  return Number(step.value);
}

function apply(
  name: string,
  operand: JinjaNode,
  args: readonly JinjaNode[],
  known: Known,
  depth: number,
): string | undefined {
  if (name === "join") return joined(operand, args[0] ? constantOf(args[0], known, depth) : "", known, depth);
  if (name === "first") return listItems(operand, known, depth)?.[0];
  if (name === "last") return listItems(operand, known, depth)?.at(-1);
  const text = constantOf(operand, known, depth);
  if (text === undefined) return undefined;
  switch (name) {
    case "lower":
      return text.toLowerCase();
    case "upper":
      return text.toUpperCase();
    case "trim":
    case "strip":
      return text.trim();
    case "string":
    case "safe":
    case "escape":
    case "e":
      return text;
    case "reverse":
      return reversed(text);
    case "replace": {
      const [from, to] = args.map((each) => constantOf(each, known, depth));
      return from === undefined || to === undefined ? undefined : text.replaceAll(from, to);
    }
    case "format":
      return formatted(text, args, known, depth);
    default:
      return undefined;
  }
}

function reversed(text: string): string {
  return [...text].reverse().join("");
}

function joined(items: JinjaNode, separator: string | undefined, known: Known, depth: number): string | undefined {
  const texts = listItems(items, known, depth);
  return texts && separator !== undefined ? texts.join(separator) : undefined;
}

/** The texts of a list, of the keys of a dictionary, or of the characters of a text. */
function listItems(node: unknown, known: Known, depth: number): readonly string[] | undefined {
  if (!isNode(node) || depth > DEEPEST) return undefined;
  if (node.type === "ArrayLiteral" || node.type === "TupleLiteral") {
    const texts = listOf(node.value).map((each) => constantOf(each, known, depth + 1));
    return texts.every((each) => each !== undefined) ? (texts as string[]) : undefined;
  }
  if (node.type === "ObjectLiteral" && node.value instanceof Map) {
    const texts = [...node.value.keys()].map((each) => constantOf(each, known, depth + 1));
    return texts.every((each) => each !== undefined) ? (texts as string[]) : undefined;
  }
  if (node.type === "FilterExpression") {
    const called = calledName(node.filter);
    if (called && ["list", "sort", "reverse"].includes(called.name)) {
      const items = listItems(node.operand, known, depth + 1);
      return called.name === "reverse" ? items && [...items].reverse() : items;
    }
  }
  const called = calledName(node);
  if (node.type === "CallExpression" && called?.name === "dict")
    return called.args.flatMap(({ key }) => nameOf(key) ?? []);
  const text = constantOf(node, known, depth + 1);
  return text === undefined ? undefined : [...text];
}

/** Python's % and format with plain places: %s, %c, {}, {0}. */
function formatted(text: string, args: readonly JinjaNode[], known: Known, depth: number): string | undefined {
  const values = args.map((each) => constantOf(each, known, depth));
  if (values.some((each) => each === undefined)) return undefined;
  let next = 0;
  return text.replace(/%([sdc])|\{(\d{0,3})\}/g, (place, kind?: string, index?: string) => {
    const value = values[index === undefined || index === "" ? next++ : Number(index)];
    if (value === undefined) return place;
    return kind === "c" && /^\d{1,6}$/.test(value) ? String.fromCodePoint(Number(value)) : value;
  });
}
