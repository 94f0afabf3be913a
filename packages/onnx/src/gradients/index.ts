import type { Node } from "../model.ts";
import { Relu } from "./activations.ts";
import { Add, Mul, Neg, Sub } from "./arithmetic.ts";
import { type Gradient, zero } from "./gradient.ts";
import { MatMul } from "./products.ts";
import { ReduceSum } from "./reductions.ts";
import { Reshape } from "./shapes.ts";
import { LogSoftmax, Softmax } from "./softmax.ts";

/** The gradient rule of every operator that has one; `zero` says that an operator passes no gradient on. */
const gradients = {
  Add,
  Equal: zero,
  LogSoftmax,
  MatMul,
  Mul,
  Neg,
  OneHot: zero,
  ReduceSum,
  Relu,
  Reshape,
  Softmax,
  Sub,
} satisfies Record<string, Gradient>;

/** Operators whose rule passes the gradient through as if they did nothing (rounding within a range). */
const straightThrough: ReadonlySet<string> = new Set(["QuantizeLinear"]);

const standardDomains: ReadonlySet<string> = new Set(["", "ai.onnx", "ai.onnx.ml"]);

/** The rule of a node's operator, or undefined if there is none. */
export function gradientOf(node: Pick<Node, "op" | "domain">): Gradient | undefined {
  const table: Readonly<Record<string, Gradient>> = gradients;
  return standardDomains.has(node.domain) && Object.hasOwn(table, node.op) ? table[node.op] : undefined;
}

/** How an operator is differentiated. */
export function gradientKind(node: Pick<Node, "op" | "domain">): "exact" | "zero" | "straight-through" | "none" {
  const rule = gradientOf(node);
  if (!rule) {
    return "none";
  }
  if (rule === zero) {
    return "zero";
  }
  return straightThrough.has(node.op) ? "straight-through" : "exact";
}
