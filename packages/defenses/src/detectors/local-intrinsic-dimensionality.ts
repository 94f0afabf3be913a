import type { GraphBuilder, Value } from "@casemate/onnx";
import type { Tensor } from "@casemate/tensor";
import type { Detector } from "./detector.ts";
import { requireNeighbours } from "./nearest-neighbours.ts";
import { squaredDistances } from "./squared-distances.ts";

/**
 * The local intrinsic dimensionality −1 / mean log(rᵢ / r_k) of the features among clean ones, by the distances to the k
 * nearest (Ma et al., 2018, https://arxiv.org/abs/1801.02613; k = 20). The paper estimates within minibatches, at every layer,
 * and weighs the layers by a regression on adversarial examples; here it is one layer among all clean samples.
 */
export function localIntrinsicDimensionality({ neighbours = 20 }: { readonly neighbours?: number } = {}): Detector {
  return {
    name: "local-intrinsic-dimensionality",
    citation: { text: "Ma et al., 2018", url: "https://arxiv.org/abs/1801.02613" },
    fit({ features }) {
      requireNeighbours("localIntrinsicDimensionality", neighbours, features);
      return { score: (graph, seen) => dimensionality(graph, seen.features, features, neighbours) };
    },
  };
}

/** The estimate for each row of `values` [batch, width] among `points`: [batch]. */
export function dimensionality(graph: GraphBuilder, values: Value, points: Tensor, neighbours: number): Value {
  const { values: nearest } = graph.TopK(squaredDistances(graph, values, points), neighbours, 1, 0);
  const logs = graph.Log(graph.Max(nearest, graph.scalar(SMALLEST, values))); // of squares: twice those of distances
  const last = graph.Slice(logs, [neighbours - 1], [neighbours], [1]);
  const sum = graph.ReduceSum(graph.Sub(last, logs), [1], 0);
  return graph.Div(graph.scalar(2 * neighbours, values), graph.Add(sum, graph.scalar(SMALLEST, values)));
}

const SMALLEST = 1e-12; // a sample that is a clean one itself has a distance of 0
