import { type AnyTensor, type Tensor, tensor } from "@casemate/tensor";
import { differentiate } from "../differentiate.ts";
import { OnnxError } from "../errors.ts";
import { freshPrefix } from "../fresh-names.ts";
import { GraphBuilder } from "../graph-builder.ts";
import { initializerTensor } from "../initializer.ts";
import { initializersAsInputs } from "../initializers-as-inputs.ts";
import type { Graph, Initializer, Model, Node } from "../model.ts";
import { prepare } from "../prepare.ts";
import type { Value } from "../value.ts";
import { type DropoutMask, dropByMask } from "./drop-by-mask.ts";
import { normalizeByBatch } from "./normalize-by-batch.ts";
import { optimizerRules } from "./optimizer.ts";
import { trainableWeights } from "./trainable-weights.ts";
import type { TrainerOptions } from "./trainer.ts";

/** A graph that takes one step, and the numbers that it starts from. */
export interface TrainingGraph {
  /**
   * Inputs: those of the model and of the loss, `rate` [], what the optimiser's rule asks for, and every entry of `state` under
   * its name. Outputs: the logits under their name, `loss` [rows], `gradient/<input>` for each of `wrt`, `gradient/<weight>`, and
   * `next/<name>` for every entry of `state`.
   */
  readonly model: Model;
  readonly logits: string;
  /** Initializers that training changes: weights and running averages. */
  readonly weights: readonly string[];
  /** Of these, the ones that descend the loss. */
  readonly trainable: readonly string[];
  /** Weights, running averages and slots of the optimiser. */
  readonly state: ReadonlyMap<string, Tensor>;
  /** What dropout multiplies by: inputs too. */
  readonly masks: readonly DropoutMask[];
  /** Scalars that the optimiser's rule asks for at the step of this number, from 1. */
  scalars(step: number): Readonly<Record<string, AnyTensor>>;
}

/**
 * Writes the forward pass, the loss, the backward pass and the optimiser's step as one graph. The weights are inputs and
 * outputs of it, so one session serves the whole training. Throws an OnnxError UNSUPPORTED_OPERATOR where an operator on the way has no gradient
 * rule, where no weight can be trained, or where one is not float32.
 */
export async function trainingGraph(model: Model, options: TrainerOptions): Promise<TrainingGraph> {
  const { loss, optimizer, wrt = [], clip, isTraining = true, sample } = options;
  const prepared = await prepare(model, [...model.graph.initializers.keys()], sample);
  const normalized = isTraining ? normalizeByBatch(prepared) : { model: prepared, averages: [] };
  const dropped = isTraining ? await dropByMask(normalized.model, sample) : { model: prepared, masks: [] };
  const trainable = trainableWeights(prepared.graph, options.trainable);
  const derived = await differentiate(dropped.model, {
    loss,
    wrt: [...trainable, ...wrt],
    ...(options.output !== undefined && { output: options.output }),
    ...(sample && { sample }),
  });
  const graph = derived.graph;
  const builder = new GraphBuilder(freshPrefix(graph, "optimizer"));
  const read = (name: string): Tensor => float32Of(prepared.graph, name);
  const gradients = meanGradients(builder, trainable.map(read), trainable, clip);
  const state = new Map<string, Tensor>();
  const next = new Map<string, Value>();
  const rule = optimizerRules(builder, optimizer);
  for (const [index, name] of trainable.entries()) {
    const weight = read(name);
    state.set(name, { ...weight, data: Float32Array.from(weight.data) });
    const slots = rule.slots.map((slot) => {
      const key = `${slot}/${name}`;
      state.set(key, tensor(weight.shape, new Float32Array(weight.data.length)));
      return builder.input(key, "float32", weight.shape);
    });
    const stepped = rule.step({ name, dtype: "float32", shape: weight.shape }, gradients[index]!, slots);
    next.set(name, stepped.weight);
    for (const [slot, value] of stepped.slots.entries()) next.set(`${rule.slots[slot]}/${name}`, value);
  }
  const kept = new Set(graph.nodes.flatMap(({ outputs }) => outputs));
  for (const { running, statistic, batch, momentum } of normalized.averages) {
    if (!kept.has(statistic)) continue;
    const average = read(running);
    state.set(running, { ...average, data: Float32Array.from(average.data) });
    const fresh = batch(builder);
    const old = builder.Mul({ name: running, dtype: "float32", shape: average.shape }, builder.scalar(momentum, fresh));
    next.set(running, builder.Add(old, builder.Mul(fresh, builder.scalar(1 - momentum, fresh))));
  }
  const weights = [...state.keys()].filter((name) => prepared.graph.initializers.has(name));
  const names = [...next].map(([name, value]): Node => alias(value.name, `next/${name}`));
  const outputs = names.map(({ outputs: [name] }) => declared(name!));
  const whole: Graph = {
    ...graph,
    nodes: [...graph.nodes, ...builder.nodes, ...names],
    inputs: [...graph.inputs, ...builder.inputs],
    initializers: new Map([...graph.initializers, ...builder.initializers, ...initializersOf(prepared.graph, weights)]),
    outputs: [...graph.outputs, ...outputs],
  };
  return {
    model: initializersAsInputs({ ...derived, graph: whole }, weights),
    logits: graph.outputs[0]!.name,
    weights,
    trainable,
    state,
    masks: dropped.masks,
    scalars: rule.scalars,
  };
}

/** Initializers by name: running averages too, which the forward pass of a training does not read. */
function initializersOf({ initializers }: Graph, names: readonly string[]): [string, Initializer][] {
  return names.map((name) => [name, initializers.get(name)!]);
}

/** Gradients of the mean loss, scaled down together where `clip` says so. */
function meanGradients(
  graph: GraphBuilder,
  weights: readonly Tensor[],
  names: readonly string[],
  clip: number | undefined,
): Value[] {
  const loss: Value = { name: "loss", dtype: "float32", shape: undefined };
  const share = graph.Reciprocal(graph.Cast(graph.op("Size", [loss], { dtype: "int64" }), "float32"));
  const sums = names.map(
    (name, i): Value => ({ name: `gradient/${name}`, dtype: "float32", shape: weights[i]!.shape }),
  );
  if (clip === undefined) return sums.map((sum) => graph.Mul(sum, share));
  const squares = sums.map((sum) => graph.op("ReduceSumSquare", [sum], { attributes: { keepdims: 0 } }));
  const norm = graph.Mul(graph.Sqrt(graph.Sum(...squares)), share);
  const shrink = graph.Min(
    graph.scalar(1, norm),
    graph.Div(graph.scalar(clip, norm), graph.Add(norm, graph.scalar(1e-6, norm))),
  ); // as PyTorch
  const factor = graph.Mul(share, shrink);
  return sums.map((sum) => graph.Mul(sum, factor));
}

function float32Of(graph: Graph, name: string): Tensor {
  const found = initializerTensor(graph.initializers.get(name)!);
  if (found.dtype === "float32") return found;
  throw new OnnxError("UNSUPPORTED_OPERATOR", `weight '${name}': expected float32 to train, got ${found.dtype}`);
}

function alias(from: string, to: string): Node {
  return { name: to, op: "Identity", domain: "", inputs: [from], outputs: [to], attributes: {} };
}

function declared(name: string) {
  return { name, dtype: "float32", shape: undefined, kind: "tensor" } as const;
}
