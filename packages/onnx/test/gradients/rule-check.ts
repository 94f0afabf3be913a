import type { AnyTensor, Shape } from "@casemate/tensor";
import { elementTypeNumber } from "../../src/element-type.ts";
import { type AttributeLike, attributeOf } from "../../src/graph-builder.ts";
import { tensorInitializer } from "../../src/initializer.ts";
import type { Initializer, Model, Node, ValueInfo } from "../../src/model.ts";
import { castTo, floats, int64, isFloat, numbersOf } from "./tensors.ts";

/** One operator at one point, whose rule is compared with an independent derivative. */
export interface RuleCheck {
  readonly op: string;
  /** Float inputs become inputs of the graph, others initializers; undefined is an optional input that is absent. */
  readonly inputs: readonly (AnyTensor | undefined)[];
  readonly attributes?: Readonly<Record<string, AttributeLike>>;
  /** How many outputs the node has; 1 if absent. */
  readonly outputs?: number;
  /** Which outputs go into the loss; all if absent. */
  readonly through?: readonly number[];
  /** The oldest and the newest opset to try; 18 and 26 if absent. */
  readonly opset?: number | readonly [number, number];
  readonly domain?: string;
  /** Inputs to differentiate; all float inputs that are not in `constants` if absent. */
  readonly wrt?: readonly number[];
  /** Float inputs that are initializers instead of graph inputs. */
  readonly constants?: readonly number[];
  /** Per input, the axes that the model leaves free; equal sizes are one symbol. Sizes of 2 and 3 are what a probe sees of a batch. */
  readonly free?: readonly (readonly number[] | undefined)[];
  /** The forward operator in plain float64, where the runtime has no kernel for it: all outputs, flat, one after the other. */
  readonly reference?: (inputs: readonly (readonly number[])[], shapes: readonly Shape[]) => readonly number[];
  /** Added to the name of the test. */
  readonly name?: string;
  /** Half the distance of the central differences; 1e-5 if absent. */
  readonly step?: number;
}

/** A graph input or initializer of the test's model, by the index of the operator's input. */
export const nameOf = (input: number): string => `x${input}`;

/** What a check tries, as the name of its test. */
export function titleOf({ op, inputs, attributes = {}, name, reference }: RuleCheck): string {
  const shapes = inputs.map((input) => (input ? `[${input.shape}]` : "-")).join(" ");
  const settings = Object.entries(attributes).map(([key, value]) => {
    const shown = typeof value === "object" && "value" in value ? value.value : value;
    return ` ${key}=${typeof shown === "object" ? JSON.stringify(shown) : shown}`;
  });
  return `${op} ${shapes}${settings.join("")}${name ? ` (${name})` : ""}${reference ? " by reference" : ""}`;
}

/** The inputs of the operator to differentiate. */
export function wrtOf({ wrt, inputs, constants = [] }: RuleCheck): readonly number[] {
  return (
    wrt ?? inputs.flatMap((input, index) => (input && isFloat(input) && !constants.includes(index) ? [index] : []))
  );
}

/** Weights of the loss: irregular numbers, cycled over the outputs laid end to end. */
const weights: readonly number[] = Array.from({ length: 101 }, (_, index) =>
  Math.fround(Math.cos(1.7 * index + 0.3) + 0.1),
);

/** The loss in plain float64, of what the operator returns. */
export const lossOf = (flat: readonly number[]): number =>
  flat.reduce((sum, each, index) => sum + each * weights[index % weights.length]!, 0);

/** A model of the one node, whose output "logits" [1, 1] is the weighted sum of all that the node returns ("flat"). */
export function modelOf(check: RuleCheck, dtype: "float32" | "float64", opset: number, free: RuleCheck["free"]): Model {
  const { op, attributes = {}, domain = "", outputs = 1, through, constants = [] } = check;
  const inputs: ValueInfo[] = [];
  const initializers = new Map<string, Initializer>();
  const initialize = (name: string, tensor: AnyTensor): string => {
    initializers.set(name, tensorInitializer(name, tensor));
    return name;
  };
  for (const [index, input] of check.inputs.entries()) {
    if (input && isFloat(input) && !constants.includes(index)) {
      const shape = input.shape.map((size, axis) => (free?.[index]?.includes(axis) ? `n${size}` : size));
      inputs.push({ name: nameOf(index), dtype, shape, kind: "tensor" });
    } else if (input) {
      initialize(nameOf(index), castTo(input, dtype));
    }
  }
  const results = Array.from({ length: outputs }, (_, index) => `y${index}`);
  const used = through ?? results.map((_, index) => index);
  const node = (
    op: string,
    inputs: string[],
    output: string,
    attributes: Record<string, AttributeLike> = {},
  ): Node => ({
    name: output,
    op,
    domain: "",
    inputs,
    outputs: [output],
    attributes: Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, attributeOf(value)])),
  });
  const scalar = (value: number): AnyTensor => int64([value], []);
  const nodes: Node[] = [
    {
      ...node(
        op,
        check.inputs.map((input, index) => (input ? nameOf(index) : "")),
        "y0",
        attributes,
      ),
      domain,
      outputs: results,
    },
    ...used.flatMap((index) => [
      node("Cast", [`y${index}`], `cast${index}`, { to: elementTypeNumber[dtype] }),
      node("Reshape", [`cast${index}`, initialize("minus-one", int64([-1]))], `flat${index}`),
    ]),
    node(
      "Concat",
      used.map((index) => `flat${index}`),
      "flat",
      { axis: 0 },
    ),
    node("Size", ["flat"], "size"),
    node("Range", [initialize("zero", scalar(0)), "size", initialize("one", scalar(1))], "positions"),
    node("Mod", ["positions", initialize("period", scalar(weights.length))], "places"),
    node("Gather", [initialize("weights", castTo(floats([weights.length], weights), dtype)), "places"], "cycled"),
    node("Mul", ["flat", "cycled"], "weighted"),
    node("ReduceSum", ["weighted"], "sum", { keepdims: 0 }),
    node("Reshape", ["sum", initialize("matrix", int64([1, 1]))], "logits"),
  ];
  const output = (name: string, shape: Shape | undefined): ValueInfo => ({ name, dtype, shape, kind: "tensor" });
  return {
    irVersion: 10,
    opsets: new Map([
      ["", opset],
      ["ai.onnx.ml", 3],
    ]),
    producer: "test",
    metadata: new Map(),
    functions: [],
    graph: { name: op, nodes, inputs, outputs: [output("logits", [1, 1]), output("flat", undefined)], initializers },
  };
}

/** What to run the model of a check with. */
export function feedsOf(
  { inputs, constants = [] }: RuleCheck,
  dtype: "float32" | "float64",
): Record<string, AnyTensor> {
  return Object.fromEntries(
    inputs.flatMap((input, index) =>
      input && isFloat(input) && !constants.includes(index) ? [[nameOf(index), castTo(input, dtype)]] : [],
    ),
  );
}

/** What `reference` receives: an absent input is an empty list of shape [0]. */
export function plain({ inputs }: RuleCheck): { inputs: number[][]; shapes: Shape[] } {
  return {
    inputs: inputs.map((input) => (input ? numbersOf(input) : [])),
    shapes: inputs.map((input) => input?.shape ?? [0]),
  };
}
