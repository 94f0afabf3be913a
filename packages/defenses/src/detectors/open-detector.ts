import { type Model, openSession } from "@casemate/onnx";
import type { Tensor } from "@casemate/tensor";
import { runInBatches } from "./run-in-batches.ts";

/** What is known of a detector, as a session that gives its scores. */
export async function openDetector(about: Omit<FittedDetector, "score" | "dispose">): Promise<FittedDetector> {
  const session = await openSession(about.model);
  const name = about.model.graph.outputs[1]!.name;
  return {
    ...about,
    score: async (x) => (await runInBatches(session, [name], x, about.copies))[0]!.data,
    dispose: () => session.dispose(),
  };
}

/** A detector that has learnt from a model and its data. Holds native memory until disposed. */
export interface FittedDetector {
  readonly name: string;
  /** The classifier with the detector in it: outputs logits [batch, classes] and then the score [batch]. */
  readonly model: Model;
  /** Of the classifier it was fitted on: sha256 of its file, hexadecimal. */
  readonly modelDigest: string;
  /** A sample is flagged if its score is above this. */
  readonly threshold: number;
  /** The spread of clean scores: their median distance from the median, or 1 where that is 0. */
  readonly scale: number;
  /**
   * What was asked for. It holds on average over draws of the calibration set, for new samples like those (split conformal,
   * Vovk et al., 2005).
   */
  readonly falsePositiveRate: number;
  /** Rows of the classifier that a sample takes: one, and one for each view of the detector. */
  readonly copies: number;
  /** Higher is more suspicious. `x` is [samples, ...shape of a sample]. */
  score(x: Tensor): Promise<Float32Array>;
  dispose(): Promise<void>;
}
