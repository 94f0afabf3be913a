import { editOutput, exposeLogits, type Model, openSession, prepare, type Session, type Value } from "@casemate/onnx";
import { clopperPearson, type Interval } from "@casemate/statistics";
import { type Tensor, tensor } from "@casemate/tensor";
import { DefenseError } from "../errors.ts";
import type { Detector } from "./detector.ts";

export interface FitDetectorOptions {
  /** Clean samples that nothing was fitted on, to set the threshold by: [samples, ...shape of a sample]. */
  readonly calibration: Tensor;
  /** The share of clean samples that may be flagged. */
  readonly falsePositiveRate?: number;
}

/** A detector that has learnt from a model and its data. Holds native memory until disposed. */
export interface FittedDetector {
  readonly name: string;
  /** The classifier with the detector in it: outputs logits [batch, classes] and then the score [batch]. */
  readonly model: Model;
  /** A sample is flagged if its score is above this. */
  readonly threshold: number;
  /** The spread of clean scores: their median distance from the median, or 1 where that is 0. */
  readonly scale: number;
  /**
   * What was asked for. It holds on average over draws of the calibration set, for new samples like those (split conformal,
   * Vovk et al., 2005).
   */
  readonly falsePositiveRate: number;
  /** Higher is more suspicious. `x` is [samples, ...shape of a sample]. */
  score(x: Tensor): Promise<Float32Array>;
  dispose(): Promise<void>;
}

/** Fits a detector on clean training data and sets its threshold. Throws a DefenseError for a model or data it cannot take. */
export async function fitDetector(
  model: Model,
  detector: Detector,
  x: Tensor,
  labels: Int32Array,
  { calibration, falsePositiveRate = 0.05 }: FitDetectorOptions,
): Promise<FittedDetector> {
  const exposed = exposeLogits(await prepare(model, []));
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
  const scored = editOutput(exposed.model, features, (graph, y) =>
    score(graph, graph.op("Flatten", [y], { attributes: { axis: 1 } }), logits),
  );
  const whole = withOutput(scored, exposed.model);
  const session = await openSession(whole);
  const name = whole.graph.outputs[1]!.name;
  const scoreOf = async (inputs: Tensor) => (await runInBatches(session, name, inputs)).data;
  try {
    const clean = (await scoreOf(calibration)).slice().sort();
    return {
      name: detector.name,
      model: whole,
      threshold: conformalThreshold(clean, falsePositiveRate),
      scale: spreadOf(clean),
      falsePositiveRate,
      score: scoreOf,
      dispose: () => session.dispose(),
    };
  } catch (error) {
    await session.dispose();
    throw error;
  }
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

const BATCH = 256;

async function runInBatches(session: Session, output: string, x: Tensor): Promise<Tensor> {
  const [rows, ...sample] = x.shape as [number, ...number[]];
  const width = x.data.length / rows;
  const parts: Tensor[] = [];
  for (let start = 0; start < rows; start += BATCH) {
    const count = Math.min(BATCH, rows - start);
    const part = tensor([count, ...sample], x.data.subarray(start * width, (start + count) * width));
    parts.push((await session.run({ [session.inputs[0]!.name]: part }, [output]))[output] as Tensor);
  }
  const joined = tensor([rows, ...parts[0]!.shape.slice(1)]);
  let offset = 0;
  for (const { data } of parts) {
    joined.data.set(data, offset);
    offset += data.length;
  }
  return joined;
}
