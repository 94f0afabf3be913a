import { createHash } from "node:crypto";
import type { Classifier } from "@casemate/attacks";
import type { Tensor } from "@casemate/tensor";
import { DefenseError } from "../errors.ts";
import { type LabelledSamples, rowsOf } from "../training/validate.ts";
import { largest } from "./voting.ts";

/** What partitions agree on for one sample. */
export interface PartitionCertificate {
  readonly class: number;
  /** Votes of each class. */
  readonly votes: readonly number[];
  /** So many samples can be put into, or taken from, the training data without changing the class. */
  readonly tolerated: number;
}

/**
 * Splits training data for deep partition aggregation (Levine & Feizi, 2021, https://arxiv.org/abs/2006.14768). The part of a sample
 * follows from its own numbers and the seed alone, so that one more or one less changes one part only; each part keeps the
 * order of the digests, whatever order the samples came in. Throws a DefenseError INVALID_OPTION for a count that is no whole
 * number from 1.
 */
export function partition(data: LabelledSamples, count: number, seed: number): readonly LabelledSamples[] {
  if (!(Number.isInteger(count) && count > 0)) {
    throw new DefenseError("INVALID_OPTION", `partition: expected a whole number of parts from 1, got ${count}`);
  }
  const width = data.x.data.length / data.labels.length;
  const parts: { row: number; digest: string }[][] = Array.from({ length: count }, () => []);
  for (let row = 0; row < data.labels.length; row++) {
    const { buffer, byteOffset, byteLength } = data.x.data.subarray(row * width, (row + 1) * width);
    const digest = createHash("sha256")
      .update(`${seed}\n`)
      .update(new Uint8Array(buffer, byteOffset, byteLength))
      .digest();
    parts[Number(digest.readBigUInt64LE() % BigInt(count))]!.push({ row, digest: digest.toString("hex") });
  }
  return parts.map((part) => {
    const sorted = part.sort((a, b) => (a.digest < b.digest ? -1 : a.digest > b.digest ? 1 : 0));
    return rowsOf(
      data,
      sorted.map(({ row }) => row),
    );
  });
}

/**
 * What the models of the parts, each trained on its part alone and with draws that depend on nothing else, agree on for each
 * sample. A poisoned sample changes one vote at most, so the class stands while half of its lead is left; ties go to the
 * smaller class.
 */
export async function certifyPartitions(
  models: readonly Classifier[],
  x: Tensor,
): Promise<readonly PartitionCertificate[]> {
  const [first] = models;
  if (!first) throw new DefenseError("INVALID_OPTION", "certifyPartitions: expected at least one model, got none");
  const rows = x.shape[0]!;
  const votes = Array.from({ length: rows }, () => new Array<number>(first.classes).fill(0));
  for (const model of models) {
    const { data } = await model.logits(x);
    for (let row = 0; row < rows; row++) votes[row]![largest(data, row * first.classes, first.classes)]!++;
  }
  return votes.map(partitionCertificate);
}

/** The certificate of a count of votes: ⌊(n₁ − max over others (n₂ + [smaller class])) / 2⌋. */
export function partitionCertificate(votes: readonly number[]): PartitionCertificate {
  const winner = largest(votes, 0, votes.length);
  const rival = Math.max(...votes.flatMap((count, k) => (k === winner ? [] : [count + (k < winner ? 1 : 0)])));
  return { class: winner, votes, tolerated: Math.max(0, Math.floor((votes[winner]! - rival) / 2)) };
}
