import { type Draw, fillNormal, type Tensor, tensor } from "@casemate/tensor";
import type { Bounds, GradientClassifier, Loss } from "../src/models/classifier.ts";

/** A classifier written out by hand in float64, with what tests want to know about its use. */
export interface TestClassifier extends GradientClassifier {
  readonly batches: number[];
}

const unit: Bounds = { lower: 0, upper: 1 };

/** logits = W x + b. `weights` holds a row per class. */
export function linear(
  weights: readonly (readonly number[])[],
  bias: readonly number[],
  bounds = unit,
): TestClassifier {
  const forward = (x: Float32Array) => weights.map((row, k) => row.reduce((sum, w, j) => sum + w * x[j]!, bias[k]!));
  const backward = (_: Float32Array, dLogits: readonly number[]) =>
    weights[0]!.map((_, j) => weights.reduce((sum, row, k) => sum + row[j]! * dLogits[k]!, 0));
  return classifier([weights[0]!.length], weights.length, bounds, forward, backward);
}

/** A linear classifier with normally distributed weights. */
export function randomLinear(shape: readonly number[], classes: number, seed: number): TestClassifier {
  const features = shape.reduce((product, each) => product * each, 1);
  const weights = Array.from({ length: classes }, (_, k) => [...normals(features, { ...key, seed, sample: k })]);
  const centered = weights.map((row) => -0.5 * row.reduce((sum, w) => sum + w, 0)); // classes balance at mid-grey
  return { ...linear(weights, centered), inputShape: shape };
}

/** Two layers with a ReLU between them, weights drawn from a normal distribution. */
export function mlp(shape: readonly number[], hidden: number, classes: number, seed: number): TestClassifier {
  const features = shape.reduce((product, each) => product * each, 1);
  const w1 = Array.from({ length: hidden }, (_, h) => [...normals(features, { ...key, seed, step: 1, sample: h })]);
  const w2 = Array.from({ length: classes }, (_, k) => [...normals(hidden, { ...key, seed, step: 2, sample: k })]);
  return twoLayers(shape, w1, w2);
}

/** logits = W₂ relu(W₁ (x − ½)). */
export function twoLayers(shape: readonly number[], w1: Matrix, w2: Matrix): TestClassifier {
  const features = w1[0]!.length;
  const hide = (x: Float32Array) => w1.map((row) => row.reduce((sum, w, j) => sum + w * (x[j]! - 0.5), 0));
  const forward = (x: Float32Array) => {
    const h = hide(x).map((value) => Math.max(0, value));
    return w2.map((row) => row.reduce((sum, w, j) => sum + w * h[j]!, 0));
  };
  const backward = (x: Float32Array, dLogits: readonly number[]) => {
    const dHidden = hide(x).map((value, h) =>
      value > 0 ? w2.reduce((sum, row, k) => sum + row[h]! * dLogits[k]!, 0) : 0,
    );
    return Array.from({ length: features }, (_, j) => w1.reduce((sum, row, h) => sum + row[j]! * dHidden[h]!, 0));
  };
  return classifier(shape, w2.length, unit, forward, backward);
}

type Matrix = readonly (readonly number[])[];

/** Samples drawn uniformly from the unit box, with the classes that the model gives them as labels. */
export async function samplesFor(model: GradientClassifier, count: number, seed: number): Promise<[Tensor, number[]]> {
  const x = tensor([count, ...model.inputShape]);
  for (const [i, value] of fillNormal(x.data, { ...key, seed }).entries()) {
    x.data[i] = Math.min(0.95, Math.max(0.05, 0.5 + 0.25 * value));
  }
  return [x, predictions(await model.logits(x))];
}

export function predictions({ shape, data }: Tensor): number[] {
  const classes = shape[1]!;
  return Array.from({ length: shape[0]! }, (_, row) => {
    const logits = [...data.subarray(row * classes, (row + 1) * classes)];
    return logits.indexOf(Math.max(...logits));
  });
}

function classifier(
  inputShape: readonly number[],
  classes: number,
  bounds: Bounds,
  forward: (x: Float32Array) => number[],
  backward: (x: Float32Array, dLogits: readonly number[]) => number[],
): TestClassifier {
  const features = inputShape.reduce((product, each) => product * each, 1);
  const batches: number[] = [];
  const rowsOf = (x: Tensor) =>
    Array.from({ length: x.shape[0]! }, (_, row) => x.data.subarray(row * features, (row + 1) * features));
  return {
    inputShape,
    classes,
    bounds,
    batches,
    async logits(x) {
      batches.push(x.shape[0]!);
      return tensor([x.shape[0]!, classes], Float32Array.from(rowsOf(x).flatMap(forward)));
    },
    async lossGradient(x, labels, loss, { targets, weights } = {}) {
      batches.push(x.shape[0]!);
      const rows = rowsOf(x);
      const logits = rows.map(forward);
      const losses = logits.map((z, row) =>
        lossOf(loss, z, labels[row]!, targets?.[row], weights?.subarray(row * classes, (row + 1) * classes)),
      );
      return {
        logits: tensor([rows.length, classes], Float32Array.from(logits.flat())),
        loss: Float32Array.from(losses, ([value]) => value),
        gradient: tensor(x.shape, Float32Array.from(rows.flatMap((row, i) => backward(row, losses[i]![1])))),
      };
    },
  };
}

/** A loss of float64 logits and its gradient, by the textbook. */
export function lossOf(
  loss: Loss,
  z: readonly number[],
  label: number,
  target?: number,
  weights?: ArrayLike<number>,
): [number, number[]] {
  const order = z.map((_, k) => k).sort((a, b) => z[b]! - z[a]!);
  const gradient = z.map(() => 0);
  switch (loss) {
    case "cross-entropy":
    case "targeted-cross-entropy": {
      const [pivot, sign] = loss === "cross-entropy" ? [label, 1] : [target!, -1];
      const top = Math.max(...z);
      const sum = z.reduce((total, each) => total + Math.exp(each - top), 0);
      for (const k of order) gradient[k] = sign * (Math.exp(z[k]! - top) / sum - (k === pivot ? 1 : 0));
      return [sign * (Math.log(sum) + top - z[pivot]!), gradient];
    }
    case "margin":
    case "targeted-margin": {
      const other = loss === "margin" ? order.find((k) => k !== label)! : order.find((k) => k !== target)!;
      const [up, down] = loss === "margin" ? [other, label] : [target!, other];
      gradient[up] = 1;
      gradient[down] = -1;
      return [z[up]! - z[down]!, gradient];
    }
    case "dlr":
    case "targeted-dlr": {
      const up = loss === "dlr" ? order.find((k) => k !== label)! : target!;
      const numerator = z[up]! - z[label]!;
      const [first, , third, fourth] = order;
      const denominator =
        loss === "dlr" ? z[first!]! - z[third!]! + 1e-12 : z[first!]! - (z[third!]! + z[fourth!]!) / 2 + 1e-12;
      const slope = -numerator / denominator ** 2;
      gradient[up]! += 1 / denominator;
      gradient[label]! -= 1 / denominator;
      gradient[first!]! += slope;
      gradient[third!]! -= loss === "dlr" ? slope : slope / 2;
      if (loss !== "dlr") gradient[fourth!]! -= slope / 2;
      return [numerator / denominator, gradient];
    }
    case "difference":
      gradient[target!] = 1;
      gradient[label] = -1;
      return [z[target!]! - z[label]!, gradient];
    case "divergence": {
      const top = Math.max(...z);
      const sum = z.reduce((total, each) => total + Math.exp(each - top), 0);
      let value = 0;
      for (const k of order) {
        const [p, logQ] = [weights![k]!, z[k]! - top - Math.log(sum)];
        if (p > 0) value += p * (Math.log(p) - logQ);
        gradient[k] = Math.exp(logQ) - p;
      }
      return [value, gradient];
    }
    case "weighted":
      return [z.reduce((total, each, k) => total + each * weights![k]!, 0), Array.from(weights!)];
  }
}

const key: Draw = { seed: 0, stream: 99, sample: 0, step: 0 };

function normals(count: number, draw: Draw): number[] {
  return [...fillNormal(new Float32Array(count), draw)];
}
