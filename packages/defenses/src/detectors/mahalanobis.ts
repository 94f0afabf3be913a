import type { GraphBuilder, Value } from "@casemate/onnx";
import { type Tensor, tensor } from "@casemate/tensor";
import { DefenseError } from "../errors.ts";
import type { Detector } from "./detector.ts";
import { squaredDistances } from "./squared-distances.ts";

/**
 * The squared Mahalanobis distance of the features to the nearest class mean, under one covariance for all classes (Lee et
 * al., 2018, https://arxiv.org/abs/1807.03888). Of the paper's layers only the last is used, and no noise is added to the
 * input. `shrinkage` is the share of the mean variance times the identity that is mixed into the covariance.
 */
export function mahalanobisDetector({ shrinkage = 1e-3 }: { readonly shrinkage?: number } = {}): Detector {
  requireShrinkage("mahalanobisDetector", shrinkage);
  return {
    name: "mahalanobis",
    citation: { text: "Lee et al., 2018", url: "https://arxiv.org/abs/1807.03888" },
    fit({ features, labels, classes }) {
      const distance = distanceToMeans(features, labels, classes, shrinkage);
      return { score: (graph, seen) => distance(graph, seen.features) };
    },
  };
}

export function requireShrinkage(where: string, shrinkage: number): void {
  if (shrinkage > 0 && shrinkage <= 1) return;
  throw new DefenseError("INVALID_OPTION", `${where}: expected a shrinkage in (0, 1], got ${shrinkage}`);
}

/** The squared distance of rows [batch, width] to the nearest class mean of features, under their covariance: [batch]. */
export function distanceToMeans(
  { shape, data }: Tensor,
  labels: Int32Array,
  classes: number,
  shrinkage: number,
): (graph: GraphBuilder, values: Value) => Value {
  const [rows, width] = shape as [number, number];
  const sums = Array.from({ length: classes }, () => new Float64Array(width));
  const counts = new Int32Array(classes);
  for (let i = 0; i < rows; i++) {
    const label = labels[i]!;
    counts[label]!++;
    for (let j = 0; j < width; j++) sums[label]![j]! += data[i * width + j]!;
  }
  const means = sums.flatMap((sum, k) => (counts[k] === 0 ? [] : [sum.map((value) => value / counts[k]!)]));
  const known = new Map([...counts].flatMap((count, k) => (count > 0 ? [k] : [])).map((k, place) => [k, place]));
  const covariance = new Float64Array(width * width);
  const centred = new Float64Array(width);
  for (let i = 0; i < rows; i++) {
    const mean = means[known.get(labels[i]!)!]!;
    for (let j = 0; j < width; j++) centred[j] = data[i * width + j]! - mean[j]!;
    for (let j = 0; j < width; j++) {
      const value = centred[j]! / rows;
      if (value !== 0) for (let l = 0; l <= j; l++) covariance[j * width + l]! += value * centred[l]!;
    }
  }
  const whiten = inverseOfCholesky(shrunk(covariance, width, shrinkage), width);
  const transposed = tensor([width, width]);
  for (let j = 0; j < width; j++) {
    for (let l = 0; l < width; l++) transposed.data[l * width + j] = whiten[j * width + l]!;
  }
  // Around the mean of all means, where the differences of float32 lose least.
  const middle = Float32Array.from({ length: width }, (_, j) => {
    return means.reduce((sum, mean) => sum + mean[j]!, 0) / means.length;
  });
  const centres = tensor([means.length, width]);
  for (const [k, mean] of means.entries()) {
    for (let j = 0; j < width; j++) {
      let sum = 0;
      for (let l = 0; l <= j; l++) sum += whiten[j * width + l]! * (mean[l]! - middle[l]!);
      centres.data[k * width + j] = sum;
    }
  }
  return (graph, values) => {
    const shifted = graph.Sub(values, graph.constant(tensor([1, width], middle)));
    const distances = squaredDistances(graph, graph.MatMul(shifted, graph.constant(transposed)), centres);
    return graph.Neg(graph.ReduceMax(graph.Neg(distances), [1], 0));
  };
}

/** The lower triangle of (1 − s) C + s tr(C)/width I; features that never vary leave the identity. */
function shrunk(covariance: Float64Array, width: number, shrinkage: number): Float64Array {
  let trace = 0;
  for (let j = 0; j < width; j++) trace += covariance[j * width + j]!;
  const ridge = (shrinkage * trace) / width || 1;
  const mixed = covariance.map((value) => value * (1 - shrinkage));
  for (let j = 0; j < width; j++) mixed[j * width + j]! += ridge;
  return mixed;
}

/** The inverse of the Cholesky factor of a symmetric matrix, given and returned as lower triangles. */
function inverseOfCholesky(matrix: Float64Array, width: number): Float64Array {
  const factor = new Float64Array(width * width);
  for (let i = 0; i < width; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i * width + j]!;
      for (let k = 0; k < j; k++) sum -= factor[i * width + k]! * factor[j * width + k]!;
      factor[i * width + j] = i === j ? Math.sqrt(sum) : sum / factor[j * width + j]!;
    }
  }
  const inverse = new Float64Array(width * width);
  for (let j = 0; j < width; j++) {
    inverse[j * width + j] = 1 / factor[j * width + j]!;
    for (let i = j + 1; i < width; i++) {
      let sum = 0;
      for (let k = j; k < i; k++) sum -= factor[i * width + k]! * inverse[k * width + j]!;
      inverse[i * width + j] = sum / factor[i * width + i]!;
    }
  }
  return inverse;
}
