import { type Tensor, tensor } from "@casemate/tensor";
import type { BallNorm } from "../../src/index.ts";
import { linear, type TestClassifier } from "../classifiers.ts";

/** A linear classifier whose nearest boundary is known in every norm, far from its bounds. */
export interface ClosedForm {
  readonly model: TestClassifier;
  readonly x: Tensor;
  readonly labels: readonly number[];
  /** Of each sample to the nearest adversarial. */
  readonly distances: readonly number[];
  /** The same to the class that is not the label by the cyclic order of the classes. */
  readonly targets: readonly number[];
}

/** Up to three classes, four features and three samples; `range` is that of the bounds. */
export function closedForm(norm: BallNorm, { range = 100, classes = 3 } = {}): ClosedForm {
  const weights = [
    [3, -4, 1.5, 0.5],
    [-1, 2, 0.5, 1],
    [0.5, 1, -2.5, -3],
  ].slice(0, classes);
  const bias = [0.1, 0.2, -0.3];
  const model = linear(weights, bias, { lower: -range / 2, upper: range / 2 });
  const points = [
    [1, -0.5, -0.5, 1],
    [0.25, 1, 0, 1.5],
    [-0.4, 0.3, 0.3, -0.9],
  ];
  const scores = points.map((point) =>
    weights.map((row, k) => row.reduce((sum, w, j) => sum + w * point[j]!, bias[k]!)),
  );
  const labels = scores.map((each) => each.indexOf(Math.max(...each)));
  const distances = scores.map((each, row) => {
    const label = labels[row]!;
    const away = weights.flatMap((other, k) => {
      if (k === label) return [];
      const slope = other.map((w, j) => w - weights[label]![j]!);
      return [(each[label]! - each[k]!) / dualLength(slope, norm)];
    });
    return norm === "l0" ? 1 : Math.min(...away);
  });
  const targets = labels.map((label) => (label + 1) % classes);
  return { model, x: tensor([3, 4], Float32Array.from(points.flat())), labels, distances, targets };
}

function dualLength(slope: readonly number[], norm: BallNorm): number {
  const sizes = slope.map(Math.abs);
  if (norm === "linf") return sizes.reduce((sum, each) => sum + each);
  return norm === "l2" ? Math.hypot(...slope) : Math.max(...sizes);
}
