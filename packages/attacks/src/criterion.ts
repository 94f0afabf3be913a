/** When an attack has succeeded on a sample. */
export type Criterion =
  /** Any class but the label. */
  | { readonly type: "misclassification" }
  /** The class that `targets` names for the sample. */
  | { readonly type: "targeted"; readonly targets: ArrayLike<number> };

/** The true class of a sample and, under a targeted criterion, the class that it is to become. */
export interface Goal {
  readonly label: number;
  readonly target: number | undefined;
}

/** What a row of logits means for a sample. */
export interface Verdict {
  /** The class with the largest logit, the first of equals; -1 if a logit is not a number. */
  readonly prediction: number;
  /** How much the logit of the adversarial side lacks: above 0 the sample stands, below 0 it is broken. */
  readonly margin: number;
}

/** Whether a prediction is what the attacker wants. */
export function isBroken({ label, target }: Goal, prediction: number): boolean {
  return target === undefined ? prediction !== label : prediction === target;
}

/** Judges one row of `logits` [rows, classes]. */
export function judge(logits: Float32Array, row: number, classes: number, { label, target }: Goal): Verdict {
  const start = row * classes;
  const pivot = target ?? label;
  let prediction = 0;
  let best = -Infinity;
  let other = -Infinity;
  for (let k = 0; k < classes; k++) {
    const logit = logits[start + k]!;
    if (Number.isNaN(logit)) return { prediction: -1, margin: Number.NaN };
    if (logit > best) {
      best = logit;
      prediction = k;
    }
    if (k !== pivot && logit > other) other = logit;
  }
  const lead = logits[start + pivot]! - other;
  return { prediction, margin: target === undefined ? lead : -lead };
}

export const NOT_A_NUMBER = "the model's scores are not numbers";
