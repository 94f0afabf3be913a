import {
  editInput,
  editOutput,
  exposeLogits,
  type GraphBuilder,
  type LogitsOptions,
  type Model,
  openSession,
  prepare,
  type Session,
  type Value,
} from "@casemate/onnx";
import { clopperPearson, type Interval } from "@casemate/statistics";
import type { Shape, Tensor } from "@casemate/tensor";
import { DefenseError } from "../errors.ts";
import type { Detector } from "./detector.ts";
import { modelDigest } from "./detector-file.ts";
import { type FittedDetector, openDetector } from "./open-detector.ts";
import { runInBatches } from "./run-in-batches.ts";

export interface FitDetectorOptions {
  /** Clean samples that nothing was fitted on, to set the threshold by: [samples, ...shape of a sample]. */
  readonly calibration: Tensor;
  /** The share of clean samples that may be flagged. */
  readonly falsePositiveRate?: number;
  /** Which output to use and what it holds, where the graph does not tell. */
  readonly output?: LogitsOptions;
}

/** Fits a detector on clean training data and sets its threshold. Throws a DefenseError for a model or data it cannot take. */
export async function fitDetector(
  model: Model,
  detector: Detector,
  x: Tensor,
  labels: Int32Array,
  { calibration, falsePositiveRate = 0.05, output: which }: FitDetectorOptions,
): Promise<FittedDetector> {
  const exposed = exposeLogits(await prepare(model, []), which);
  const feature = featureOf(exposed.model, exposed.output);
  const logits: Value = { name: exposed.output, dtype: "float32", shape: undefined };
  const features: Value = { name: feature, dtype: "float32", shape: undefined };
  const flat = editOutput(exposed.model, features, (graph, y) => graph.op("Flatten", [y], { attributes: { axis: 1 } }));
  const both = withOutput(flat, exposed.model);
  const learnt = await using(both, async (session) => {
    const [output, seen] = both.graph.outputs.map(({ name }) => name) as [string, string];
    return {
      features: await runInBatches(session, seen, x),
      classes: (await runInBatches(session, output, x)).shape[1]!,
    };
  });
  const wrong = labels.findIndex((label) => !(label >= 0 && label < learnt.classes));
  if (labels.length !== x.shape[0] || wrong >= 0) {
    const got = wrong >= 0 ? `${labels[wrong]} at sample ${wrong}` : `${labels.length} labels`;
    throw new DefenseError(
      "SHAPE_MISMATCH",
      `fitDetector: expected ${x.shape[0]} labels from 0 to ${learnt.classes - 1}, got ${got}`,
    );
  }
  const score = detector.fit({ ...learnt, labels });
  const seen = withViews(exposed.model, detector, logits, features, x.shape.slice(1));
  const scored = editOutput(seen.model, seen.features, (graph, y) =>
    score(graph, graph.op("Flatten", [y], { attributes: { axis: 1 } }), seen.logits, seen.others),
  );
  const whole = {
    ...scored,
    graph: { ...scored.graph, outputs: [...seen.model.graph.outputs, ...scored.graph.outputs] },
  };
  const about = { name: detector.name, model: whole, modelDigest: modelDigest(model), falsePositiveRate };
  const uncalibrated = await openDetector({ ...about, threshold: 0, scale: 1 });
  try {
    const clean = (await uncalibrated.score(calibration)).slice().sort();
    return { ...uncalibrated, threshold: conformalThreshold(clean, falsePositiveRate), scale: spreadOf(clean) };
  } catch (error) {
    await uncalibrated.dispose();
    throw error;
  }
}

interface Seen {
  readonly model: Model;
  readonly logits: Value;
  readonly features: Value;
  /** Logits of the other views: [views, batch, classes]. */
  readonly others: Value | undefined;
}

/** The model on its inputs and on the detector's views of them, one after another in one batch. */
function withViews(model: Model, detector: Detector, logits: Value, features: Value, inputShape: Shape): Seen {
  if (!detector.views) return { model, logits, features, others: undefined };
  const { views } = detector;
  let count = 0;
  const wide = editInput(model, model.graph.inputs[0]!.name, (graph, input) => {
    const all = [input, ...views(graph, input, inputShape)];
    count = all.length;
    return graph.Concat(all, 0);
  });
  const part = (from: Model, value: Value, edit: (graph: GraphBuilder, y: Value) => Value) => {
    const edited = editOutput(from, value, (graph, y) => {
      const shape = graph.op("Shape", [y], { dtype: "int64", attributes: { start: 1 } });
      return edit(graph, graph.Reshape(y, graph.Concat([graph.ints([count, -1]), shape], 0)));
    });
    const { name } = edited.graph.outputs[0]!;
    return { model: edited, value: { name, dtype: "float32", shape: undefined } as Value };
  };
  const own = (graph: GraphBuilder, y: Value) => graph.Squeeze(graph.Slice(y, [0], [1], [0]), [0]);
  const rest = part(wide, logits, (graph, y) => graph.Slice(y, [1], [count], [0]));
  const inner = part(rest.model, features, own);
  const outer = part(inner.model, logits, own);
  return { model: outer.model, logits: outer.value, features: inner.value, others: rest.value };
}

/** The share of `scores` above the threshold, with the exact interval of the rate behind it. */
export function flaggedShare(
  scores: Float32Array,
  threshold: number,
): { readonly share: number; readonly interval: Interval } {
  const count = scores.reduce((sum, score) => sum + (score > threshold ? 1 : 0), 0);
  return { share: count / scores.length, interval: clopperPearson(count, scores.length) };
}

/** The ⌈(n + 1)(1 − rate)⌉-th smallest of n sorted clean scores. Throws INVALID_OPTION where n is too small for the rate. */
export function conformalThreshold(sorted: Float32Array, rate: number): number {
  const rank = Math.ceil((sorted.length + 1) * (1 - rate) - 1e-9);
  if (rate > 0 && rate < 1 && rank >= 1 && rank <= sorted.length) return sorted[rank - 1]!;
  throw new DefenseError(
    "INVALID_OPTION",
    `threshold: expected a false-positive rate between 0 and 1 and at least 1 / rate - 1 calibration samples, got ${rate} and ${sorted.length}`,
  );
}

function spreadOf(sorted: Float32Array): number {
  const median = sorted[sorted.length >> 1]!;
  return sorted.map((score) => Math.abs(score - median)).sort()[sorted.length >> 1]! || 1;
}

/** What the last linear layer before the logits takes. */
function featureOf({ graph }: Model, output: string): string {
  const producers = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  let node = producers.get(output);
  while (node) {
    const isProduct = node.op === "Gemm" || node.op === "MatMul" || node.op === "Conv";
    if (isProduct) return node.inputs[0]!;
    node = node.inputs.map((name) => producers.get(name)).find((each) => each !== undefined);
  }
  throw new DefenseError(
    "UNSUPPORTED_MODEL",
    `fitDetector: expected a Gemm, MatMul or Conv before '${output}', got none`,
  );
}

/** A model whose only output follows the output of `model`. */
function withOutput(edited: Model, { graph }: Model): Model {
  return { ...edited, graph: { ...edited.graph, outputs: [graph.outputs[0]!, ...edited.graph.outputs] } };
}

async function using<T>(model: Model, work: (session: Session) => Promise<T>): Promise<T> {
  const session = await openSession(model);
  try {
    return await work(session);
  } finally {
    await session.dispose();
  }
}
