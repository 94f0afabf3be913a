import { type AnyTensor, type Shape, sizeOf } from "@casemate/tensor";
import { expect, test } from "vitest";
import { differentiate } from "../../src/differentiate.ts";
import { elementTypeNumber } from "../../src/element-type.ts";
import { type AttributeLike, attributeOf } from "../../src/graph-builder.ts";
import { tensorInitializer } from "../../src/initializer.ts";
import type { Initializer, Model, Node, ValueInfo } from "../../src/model.ts";
import { openSession, type Session } from "../../src/session.ts";

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

/** A test for each check. */
export function checkRules(checks: readonly RuleCheck[]): void {
  for (const check of checks) {
    test(titleOf(check), () => checkRule(check));
  }
}

/**
 * Compares the rule with central differences: of the operator in float64 in the runtime (1e-6 of the largest entry), or of
 * `reference` (1e-4), whose values must be the runtime's. The float32 graph is compared to 1e-4, with the free axes free.
 */
export async function checkRule(check: RuleCheck): Promise<void> {
  const { reference, free } = check;
  const [oldest, newest] = typeof check.opset === "number" ? [check.opset, check.opset] : (check.opset ?? [18, 26]);
  if (reference) {
    await compareForward(check, reference, oldest);
  }
  const expected = await (reference ? differencesOf(check, reference) : differencesInFloat64(check, oldest));
  const first = reference
    ? ({ dtype: "float32", tolerance: 1e-4 } as const)
    : ({ dtype: "float64", tolerance: 1e-6 } as const);
  const runs = [
    { ...first, opset: oldest, free: undefined },
    { dtype: "float32", tolerance: 1e-4, opset: newest, free },
  ] as const;
  for (const { dtype, tolerance, opset, free } of runs) {
    const model = modelOf(check, dtype, opset, free);
    const { gradients } = await lossAndGradients(check, model, dtype);
    for (const [index, input] of wrtOf(check).entries()) {
      const label = `${dtype}, opset ${opset}${free ? ", free axes" : ""}: gradient of input ${input}`;
      expectClose(gradients[index]!, expected[index]!, tolerance, label);
    }
  }
}

/** For an operator that is linear in its input `wrt[0]` (the first if absent): <A x, y> = <x, A* y>. */
export async function checkLinear(check: RuleCheck): Promise<void> {
  const opset = typeof check.opset === "number" ? check.opset : (check.opset?.[0] ?? 18);
  const model = modelOf(check, "float32", opset, check.free);
  const { loss, gradients } = await lossAndGradients(check, model, "float32");
  const terms = numbersOf(check.inputs[wrtOf(check)[0]!]!).map((x, index) => x * gradients[0]![index]!);
  const scale = terms.reduce((sum, term) => sum + Math.abs(term), 0);
  expect(scale).toBeGreaterThan(0);
  expect(Math.abs(loss - terms.reduce((sum, term) => sum + term, 0)) / scale).toBeLessThan(1e-5);
}

/** Largest absolute difference within `tolerance` of the largest expected entry, or of 1 where all are zero but for rounding. */
export function expectClose(
  actual: readonly number[],
  expected: readonly number[],
  tolerance: number,
  label: string,
): void {
  expect(actual.length, `${label}: size`).toBe(expected.length);
  const greatest = expected.reduce((max, each) => Math.max(max, Math.abs(each)), 0);
  const scale = greatest < 1e-12 ? 1 : greatest;
  const worst = expected.reduce((max, each, index) => {
    const difference = Math.abs(each - actual[index]!);
    return difference <= max ? max : difference; // NaN wins
  }, 0);
  const shown = `got ${actual.slice(0, 8)} …, expected ${expected.slice(0, 8)} …`;
  expect(worst / scale, `${label}: ${shown}`).toBeLessThanOrEqual(tolerance);
}

/** Even draws in [low, high), always the same for a seed, moved off each of `kinks` by at least a twentieth. */
export function uniform(
  shape: Shape,
  { low = -2, high = 2, seed = 1, kinks = [] as readonly number[] } = {},
): AnyTensor {
  let state = seed * 2654435761;
  const data = Float32Array.from({ length: sizeOf(shape) }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const draw = low + ((state >>> 8) / 2 ** 24) * (high - low);
    const kink = kinks.find((each) => Math.abs(each - draw) < 0.05);
    return kink === undefined ? draw : kink + (draw < kink ? -0.05 : 0.05) + (draw - kink);
  });
  return { dtype: "float32", shape, data };
}

/** A float32 tensor of the numbers given. */
export function floats(shape: Shape, numbers: readonly number[]): AnyTensor {
  return { dtype: "float32", shape, data: Float32Array.from(numbers) };
}

/** An int64 tensor of the numbers given; a list if no shape is. */
export function int64(numbers: readonly (number | bigint)[], shape: Shape = [numbers.length]): AnyTensor {
  return { dtype: "int64", shape, data: BigInt64Array.from(numbers, BigInt) };
}

/** A bool tensor of the numbers given, 0 or 1; a list if no shape is. */
export function bools(numbers: readonly number[], shape: Shape = [numbers.length]): AnyTensor {
  return { dtype: "bool", shape, data: Uint8Array.from(numbers) };
}

/** The numbers of a tensor, whatever they are stored in. */
export function numbersOf(tensor: AnyTensor): number[] {
  return Array.from(tensor.data as ArrayLike<number | bigint>, Number);
}

/** A graph input or initializer of the test's model, by the index of the operator's input. */
const nameOf = (input: number): string => `x${input}`;

function titleOf({ op, inputs, attributes = {}, name, reference }: RuleCheck): string {
  const shapes = inputs.map((input) => (input ? `[${input.shape}]` : "-")).join(" ");
  const settings = Object.entries(attributes).map(([key, value]) => {
    const shown = typeof value === "object" && "value" in value ? value.value : value;
    return ` ${key}=${typeof shown === "object" ? JSON.stringify(shown) : shown}`;
  });
  return `${op} ${shapes}${settings.join("")}${name ? ` (${name})` : ""}${reference ? " by reference" : ""}`;
}

function wrtOf({ wrt, inputs, constants = [] }: RuleCheck): readonly number[] {
  return (
    wrt ?? inputs.flatMap((input, index) => (input && isFloat(input) && !constants.includes(index) ? [index] : []))
  );
}

function isFloat(tensor: AnyTensor): boolean {
  return tensor.dtype === "float32" || tensor.dtype === "float64";
}

/** Weights of the loss: irregular numbers, cycled over the outputs laid end to end. */
const weights: readonly number[] = Array.from({ length: 101 }, (_, index) =>
  Math.fround(Math.cos(1.7 * index + 0.3) + 0.1),
);

const lossOf = (flat: readonly number[]): number =>
  flat.reduce((sum, each, index) => sum + each * weights[index % weights.length]!, 0);

/** A model of the one node, whose output "logits" [1, 1] is the weighted sum of all that the node returns ("flat"). */
function modelOf(check: RuleCheck, dtype: "float32" | "float64", opset: number, free: RuleCheck["free"]): Model {
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

function castTo(tensor: AnyTensor, dtype: "float32" | "float64"): AnyTensor {
  if (!isFloat(tensor)) {
    return tensor;
  }
  const data = dtype === "float64" ? Float64Array.from(numbersOf(tensor)) : Float32Array.from(numbersOf(tensor));
  return { dtype, shape: tensor.shape, data } as AnyTensor;
}

function feedsOf({ inputs, constants = [] }: RuleCheck, dtype: "float32" | "float64"): Record<string, AnyTensor> {
  return Object.fromEntries(
    inputs.flatMap((input, index) =>
      input && isFloat(input) && !constants.includes(index) ? [[nameOf(index), castTo(input, dtype)]] : [],
    ),
  );
}

async function lossAndGradients(
  check: RuleCheck,
  model: Model,
  dtype: "float32" | "float64",
): Promise<{ loss: number; gradients: number[][] }> {
  const wrt = wrtOf(check).map(nameOf);
  const derived = await differentiate(model, { wrt, loss: (graph, logits) => graph.ReduceSum(logits, [1], 0) });
  return using(derived, async (session) => {
    const results = await session.run(feedsOf(check, dtype));
    for (const name of wrt) {
      expect(results[`gradient/${name}`]!.shape, `shape of gradient/${name}`).toEqual(
        check.inputs[Number(name.slice(1))]!.shape,
      );
      expect(results[`gradient/${name}`]!.dtype).toBe(dtype);
    }
    const gradients = wrt.map((name) => numbersOf(results[`gradient/${name}`]!));
    return { loss: numbersOf(results.loss!)[0]!, gradients };
  });
}

async function using<Result>(model: Model, use: (session: Session) => Promise<Result>): Promise<Result> {
  const session = await openSession(model, { threads: 1 });
  try {
    return await use(session);
  } finally {
    await session.dispose();
  }
}

function differencesInFloat64(check: RuleCheck, opset: number): Promise<number[][]> {
  return using(modelOf(check, "float64", opset, undefined), async (session) => {
    const feeds = feedsOf(check, "float64");
    const gradients: number[][] = [];
    for (const input of wrtOf(check)) {
      const tensor = feeds[nameOf(input)]! as { shape: Shape; data: Float64Array };
      gradients.push(
        await centralDifferences(Array.from(tensor.data), check.step, async (moved) => {
          const point: AnyTensor = { dtype: "float64", shape: tensor.shape, data: Float64Array.from(moved) };
          const { logits } = await session.run({ ...feeds, [nameOf(input)]: point }, ["logits"]);
          return numbersOf(logits!)[0]!;
        }),
      );
    }
    return gradients;
  });
}

async function differencesOf(check: RuleCheck, reference: NonNullable<RuleCheck["reference"]>): Promise<number[][]> {
  const { inputs, shapes } = plain(check);
  const gradients: number[][] = [];
  for (const input of wrtOf(check)) {
    gradients.push(
      await centralDifferences(inputs[input]!, check.step, async (moved) =>
        lossOf(reference(inputs.with(input, moved), shapes)),
      ),
    );
  }
  return gradients;
}

async function centralDifferences(
  at: readonly number[],
  step = 1e-5,
  evaluate: (moved: number[]) => Promise<number>,
): Promise<number[]> {
  const gradient: number[] = [];
  for (const [index, x] of at.entries()) {
    const up = await evaluate(at.with(index, x + step));
    const down = await evaluate(at.with(index, x - step));
    gradient.push((up - down) / (2 * step));
  }
  return gradient;
}

async function compareForward(
  check: RuleCheck,
  reference: NonNullable<RuleCheck["reference"]>,
  opset: number,
): Promise<void> {
  const { inputs, shapes } = plain(check);
  await using(modelOf(check, "float32", opset, undefined), async (session) => {
    const { flat } = await session.run(feedsOf(check, "float32"), ["flat"]);
    expectClose(numbersOf(flat!), reference(inputs, shapes), 1e-5, "reference of the forward operator");
  });
}

/** What `reference` receives: an absent input is an empty list of shape [0]. */
function plain({ inputs }: RuleCheck): { inputs: number[][]; shapes: Shape[] } {
  return {
    inputs: inputs.map((input) => (input ? numbersOf(input) : [])),
    shapes: inputs.map((input) => input?.shape ?? [0]),
  };
}
