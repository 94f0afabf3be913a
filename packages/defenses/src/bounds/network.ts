import { type ClassifierOptions, forwardModel } from "@casemate/attacks";
import {
  describe,
  type Extent,
  type GraphBuilder,
  type Model,
  type Node,
  type Probe,
  probe,
  probeRuns,
  type Site,
  siteOf,
  type Value,
} from "@casemate/onnx";
import { type Shape, sizeOf } from "@casemate/tensor";
import { DefenseError } from "../errors.ts";
import type { Activation } from "./activation.ts";
import type { LinearOperator } from "./linear-operators.ts";
import { maxPoolAsMax } from "./max-pool.ts";
import { operatorOf } from "./operators.ts";

/** A classifier whose every operator between input and logits can be bounded. */
export interface Network {
  /** From the input in the units of its bounds to logits; the batch is free. */
  readonly model: Model;
  /** The nodes between input and logits, in order. */
  readonly path: readonly Node[];
  /** [batch, …] */
  readonly input: Value;
  /** [batch, classes] */
  readonly output: Value;
  readonly inputShape: Shape;
  readonly classes: number;
  /** Numbers of a sample in the widest value of the path. */
  readonly widest: number;
  value(name: string): Value;
  /** How many numbers a sample has in a value. */
  widthOf(name: string): number;
  operator(node: Node): Activation | LinearOperator;
  /** The node, for rules that write to `graph`; it `wants` the inputs that are on the path. */
  site(graph: GraphBuilder, node: Node, dys?: readonly Value[]): Site;
  isOnPath(name: string): boolean;
  /** Whether nothing that is not linear lies between the input and the value. */
  isAffine(name: string): boolean;
}

export type NetworkOptions = Pick<
  ClassifierOptions,
  "bounds" | "inputName" | "inputShape" | "layout" | "normalization" | "output" | "weights"
>;

/**
 * Reads a model for bounding. Throws a DefenseError UNSUPPORTED_MODEL that names every operator that has no bounds, and for
 * models whose batch cannot be freed, that mix the samples of a batch, or that do not compute in float32.
 */
export async function openNetwork(model: Model, options: NetworkOptions): Promise<Network> {
  const forward = await forwardModel(model, options);
  const { input, inputShape, output, fixedBatch } = forward;
  if (fixedBatch !== undefined) refuse(`expected a batch of any size, got one that is fixed at ${fixedBatch}`);
  if (input.dtype !== "float32") refuse(`expected an input of float32, got ${input.dtype}`);
  const sample = { [input.name]: forward.trial };
  const first = await probe(forward.model, await probeRuns(forward.model, sample));
  const plain = maxPoolAsMax(forward.model, first);
  const seen = plain === forward.model ? first : await probe(plain, await probeRuns(plain, sample));
  return networkOf({ model: plain, seen, inputName: input.name, outputName: output, inputShape });
}

interface Parts {
  readonly model: Model;
  readonly seen: Probe;
  readonly inputName: string;
  readonly outputName: string;
  readonly inputShape: Shape;
}

function networkOf({ model, seen, inputName, outputName, inputShape }: Parts): Network {
  const onPath = new Set([inputName]);
  const affine = new Set([inputName]);
  const fromShapes = valuesFromShapes(model);
  const reached = model.graph.nodes.filter((node) => {
    const isReached = !fromShapes.has(node.outputs[0]!) && node.inputs.some((name) => onPath.has(name));
    if (isReached) {
      for (const name of node.outputs) if (name) onPath.add(name);
      const isLinear = operatorOf(node)?.type === "linear";
      if (isLinear && node.inputs.every((name) => !onPath.has(name) || affine.has(name))) affine.add(node.outputs[0]!);
    }
    return isReached;
  });
  const path = neededFor(outputName, reached);
  refuseUnknown(path);
  if (!onPath.has(outputName)) refuse("expected logits that depend on the input, got some that do not");
  const input = seen.value(inputName);
  const batch = input.shape![0]!;
  const site = (graph: GraphBuilder, node: Node, dys: readonly Value[] = []): Site =>
    siteOf(graph, node, dys, seen, onPath);
  for (const node of path) refuseMixed(node, seen, batch, onPath);
  const widthOf = (name: string): number => sizeOf(seen.value(name).shape!.slice(1) as number[]);
  const output = seen.value(outputName);
  return {
    model,
    path,
    input,
    output,
    inputShape,
    classes: widthOf(outputName),
    widest: Math.max(widthOf(inputName), ...path.map((node) => widthOf(node.outputs[0]!))),
    value: (name) => seen.value(name),
    widthOf,
    operator: (node) => operatorOf(node)!,
    site,
    isOnPath: (name) => onPath.has(name),
    isAffine: (name) => affine.has(name),
  };
}

/** Values that follow from shapes alone, though the input is needed to tell them. */
function valuesFromShapes({ graph }: Model): ReadonlySet<string> {
  const found = new Set<string>(graph.initializers.keys());
  for (const node of graph.nodes) {
    if (node.op === "Shape" || node.op === "Size" || node.inputs.every((name) => name === "" || found.has(name))) {
      for (const name of node.outputs) found.add(name);
    }
  }
  return found;
}

function neededFor(output: string, nodes: readonly Node[]): Node[] {
  const needed = new Set([output]);
  const kept = nodes.toReversed().filter((node) => {
    const isNeeded = node.outputs.some((name) => needed.has(name));
    for (const name of isNeeded ? node.inputs : []) needed.add(name);
    return isNeeded;
  });
  return kept.reverse();
}

function refuseUnknown(path: readonly Node[]): void {
  const missing = path.filter((node) => operatorOf(node) === undefined);
  if (missing.length === 0) return;
  const list = missing.slice(0, 10).map(describe).join(", ");
  refuse(`expected operators that can be bounded, got ${missing.length} that cannot: ${list}`);
}

function refuseMixed(node: Node, seen: Probe, batch: Extent, onPath: ReadonlySet<string>): void {
  const operator = operatorOf(node)!;
  const from = node.inputs.map((name) => onPath.has(name));
  const count = from.filter(Boolean).length;
  const isFit =
    operator.type === "activation" || operator.from === "first"
      ? from[0] && (count === 1 || (operator.type === "activation" && count === from.length))
      : operator.from === "all" || count === 1;
  if (!isFit)
    refuse(`${describe(node)}: expected weights beside the value that is bounded, got what depends on the input`);
  if (node.outputs.slice(1).some(Boolean)) refuse(`${describe(node)}: expected one result, got ${node.outputs.length}`);
  const { shape, dtype } = seen.value(node.outputs[0]!);
  const isPerSample = shape![0] === batch && shape!.slice(1).every((extent) => typeof extent === "number");
  if (!isPerSample || dtype !== "float32") {
    refuse(`${describe(node)}: expected float32 [batch, fixed sizes], got ${dtype} [${shape!.join(", ")}]`);
  }
}

function refuse(message: string): never {
  throw new DefenseError("UNSUPPORTED_MODEL", `certified bounds: ${message}`);
}
