import type { Classifier } from "@casemate/attacks";
import { sizeOf, type Tensor, tensor } from "@casemate/tensor";
import { partitionCertificate } from "../ensembles/deep-partition-aggregation.ts";
import { DefenseError } from "../errors.ts";
import { pictureOf } from "../purification/wrap-model.ts";
import { requireShare, requireWhole } from "../smoothing/votes.ts";
import { type Ablation, type Ablator, ablatorFor } from "./ablation.ts";

export interface CertifyPatchesOptions {
  readonly ablation: Ablation;
  /** A view of a sample votes for each class of at least this probability, so for several or for none. */
  readonly threshold?: number;
  /** Rows of a pass, filled across samples. */
  readonly batchSize?: number;
  readonly signal?: AbortSignal;
}

/** What the views of one sample agree on. */
export interface PatchCertificate {
  /** Row of the samples. */
  readonly sample: number;
  readonly class: number;
  /** Votes of each class. */
  readonly votes: readonly number[];
  /** So many views can change without changing the class. */
  readonly tolerated: number;
  /** Side of the largest square patch that, with any content and anywhere, leaves the class; 0 if none. */
  readonly patch: number;
}

export type CertifyPatchesEvent =
  | { readonly type: "progress"; readonly done: number; readonly total: number }
  | { readonly type: "certified"; readonly certificate: PatchCertificate };

/**
 * Derandomized smoothing (Levine & Feizi, 2020, https://arxiv.org/abs/2002.10733): a model votes on every ablated view of each sample,
 * and a patch changes only the views that something of it is left in. The certificate is no estimate. Size 4 and threshold 0.2
 * are the defaults of the authors' scripts. x is [samples, ...]. Throws a DefenseError for options or samples that make no sense.
 */
export async function* certifyPatches(
  model: Classifier,
  x: Tensor,
  { ablation, threshold = 0.2, batchSize = 1000, signal }: CertifyPatchesOptions,
): AsyncGenerator<CertifyPatchesEvent, readonly PatchCertificate[]> {
  requireShare("certifyPatches", "threshold", threshold);
  requireWhole("certifyPatches", "batchSize", batchSize);
  const { classes, inputShape } = model;
  if (x.shape.slice(1).join() !== inputShape.join()) {
    const expected = `samples of shape [${inputShape}], got [${x.shape.slice(1)}]`;
    throw new DefenseError("SHAPE_MISMATCH", `certifyPatches: expected ${expected}`);
  }
  const ablator = ablatorFor("certifyPatches", ablation, model);
  const width = sizeOf(inputShape);
  const total = x.shape[0]! * ablator.positions;
  const votes = new Float64Array(x.shape[0]! * classes);
  const certificates: PatchCertificate[] = [];
  for (let start = 0; start < total; start += batchSize) {
    signal?.throwIfAborted();
    const rows = Math.min(batchSize, total - start);
    const views = tensor([rows, ...inputShape]);
    for (let i = 0; i < rows; i++) {
      const sample = Math.floor((start + i) / ablator.positions);
      const target = views.data.subarray(i * width, (i + 1) * width);
      ablator.ablate(target, x.data, sample * width, (start + i) % ablator.positions);
    }
    const { data } = await model.logits(views);
    for (let i = 0; i < rows; i++) {
      const sample = Math.floor((start + i) / ablator.positions);
      addVotes(votes, sample * classes, data.subarray(i * classes, (i + 1) * classes), threshold);
    }
    const complete = Math.floor((start + rows) / ablator.positions);
    while (certificates.length < complete) {
      const sample = certificates.length;
      const counts = [...votes.subarray(sample * classes, (sample + 1) * classes)];
      const certificate = { sample, ...patchCertificate(counts, ablator, model) };
      certificates.push(certificate);
      yield { type: "certified", certificate };
    }
    yield { type: "progress", done: start + rows, total };
  }
  return certificates;
}

/** One vote for each class whose softmax reaches the threshold; none where a score is not a number. */
function addVotes(votes: Float64Array, start: number, scores: Float32Array, threshold: number): void {
  let largest = -Infinity;
  for (const score of scores) largest = Math.max(largest, score);
  let sum = 0;
  for (const score of scores) sum += Math.exp(score - largest);
  for (const [k, score] of scores.entries()) if (Math.exp(score - largest) / sum >= threshold) votes[start + k]!++;
}

/** A view that changes takes at most one vote from the class and gives one to another, so half of the lead may change. */
function patchCertificate(
  votes: readonly number[],
  { reached }: Ablator,
  shape: Pick<Classifier, "inputShape" | "layout">,
): Omit<PatchCertificate, "sample"> {
  const certificate = partitionCertificate(votes);
  const { height, width } = pictureOf(shape).picture;
  let patch = 0;
  while (patch < Math.max(height, width)) {
    const side = patch + 1;
    if (reached([Math.min(side, height), Math.min(side, width)]) > certificate.tolerated) break;
    patch = side;
  }
  return { ...certificate, patch };
}
