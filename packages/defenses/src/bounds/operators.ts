import type { Node } from "@casemate/onnx";
import type { Activation } from "./activation.ts";
import { type LinearOperator, linearOperators } from "./linear-operators.ts";
import { piecewise } from "./piecewise-activations.ts";
import { smooth } from "./smooth-activations.ts";

const table: Readonly<Record<string, Activation | LinearOperator>> = { ...linearOperators, ...piecewise, ...smooth };

/** How an operator is bounded; undefined for one that is not. */
export function operatorOf({ op, domain }: Pick<Node, "op" | "domain">): Activation | LinearOperator | undefined {
  return (domain === "" || domain === "ai.onnx") && Object.hasOwn(table, op) ? table[op] : undefined;
}
