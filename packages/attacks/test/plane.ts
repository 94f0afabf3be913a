import { type Tensor, tensor } from "@casemate/tensor";
import type { BallNorm } from "../src/index.ts";
import { linear, type TestClassifier } from "./classifiers.ts";

/**
 * Two classes with logits ±(w·x + b)/2, so that the margin is |w·x + b| and, far from the bounds, the nearest adversarial is
 * |w·x + b| over the dual norm of w.
 */
export interface Plane {
  readonly model: TestClassifier;
  readonly x: Tensor;
  readonly labels: number[];
  readonly weights: readonly number[];
  distance(row: number, norm: Exclude<BallNorm, "l0">): number;
}

/** Two samples of four features before a plane, with bounds far away. */
export function plane(bounds = { lower: -50, upper: 50 }): Plane {
  const weights = [3, -4, 1.5, 0.5];
  const model = linear([weights.map((each) => each / 2), weights.map((each) => -each / 2)], [0.1, -0.1], bounds);
  const x = tensor([2, 4], Float32Array.of(1, 0.5, -0.5, 1, 0.25, 1, 0, -1));
  const score = (row: number) => weights.reduce((total, each, j) => total + each * x.data[row * 4 + j]!, 0.2);
  const dual = { linf: 9, l2: Math.hypot(...weights), l1: 4 };
  return {
    model,
    x,
    labels: [0, 1].map((row) => (score(row) > 0 ? 0 : 1)),
    weights,
    distance: (row, norm) => Math.abs(score(row)) / dual[norm],
  };
}
