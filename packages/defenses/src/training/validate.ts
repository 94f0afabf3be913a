import { type GradientClassifier, pgd, run, type Threat } from "@casemate/attacks";
import { type Tensor, takeRows } from "@casemate/tensor";

/** Samples with their true classes. */
export interface LabelledSamples {
  /** [n, ...shape of a sample], in the units of the bounds. */
  readonly x: Tensor;
  readonly labels: Int32Array;
}

export interface Validation {
  /** Samples that are classified correctly. */
  readonly correct: number;
  /** Of them, those that PGD with 10 steps does not change; undefined without an epsilon. */
  readonly robust: number | undefined;
  readonly of: number;
}

/** Counts what a classifier gets right, untouched and under a light attack. */
export async function validate(
  classifier: GradientClassifier,
  { x, labels }: LabelledSamples,
  threat: Threat | undefined,
  seed: number,
): Promise<Validation> {
  const of = labels.length;
  if (!threat) {
    const { data } = await classifier.logits(x);
    return { correct: countCorrect(data, labels, classifier.classes), robust: undefined, of };
  }
  const attack = pgd({ steps: 10, stepSize: 0.25 });
  const { curve } = await run(classifier, x, [...labels], threat, { attack, seed });
  const { wrong, robust } = curve[0]!;
  return { correct: of - wrong, robust, of };
}

/** Rows whose largest logit is that of their label. */
export function countCorrect(logits: Float32Array, labels: Int32Array, classes: number): number {
  let correct = 0;
  for (let row = 0; row < labels.length; row++) {
    let best = 0;
    for (let k = 1; k < classes; k++) if (logits[row * classes + k]! > logits[row * classes + best]!) best = k;
    if (best === labels[row]) correct++;
  }
  return correct;
}

export function rowsOf({ x, labels }: LabelledSamples, rows: ArrayLike<number>): LabelledSamples {
  const positions = Array.from(rows);
  return { x: takeRows(x, positions), labels: Int32Array.from(positions, (row) => labels[row]!) };
}
