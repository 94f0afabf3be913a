import type { Tensor } from "@casemate/tensor";
import { DefenseError } from "../errors.ts";
import type { Detector } from "./detector.ts";
import { squaredDistances } from "./squared-distances.ts";

/** The mean squared distance of the features to the `neighbours` nearest clean ones (Sun et al., 2022, whose features have length 1; here they keep it). */
export function nearestNeighboursDetector({ neighbours = 10 }: { readonly neighbours?: number } = {}): Detector {
  return {
    name: "nearest-neighbours",
    citation: { text: "Sun et al., 2022", url: "https://arxiv.org/abs/2204.06507" },
    fit({ features }) {
      requireNeighbours("nearestNeighboursDetector", neighbours, features);
      return {
        score(graph, { features: values }) {
          const { values: nearest } = graph.TopK(squaredDistances(graph, values, features), neighbours, 1, 0);
          return graph.Mul(graph.ReduceSum(nearest, [1], 0), graph.scalar(1 / neighbours, values));
        },
      };
    },
  };
}

/** Throws an INVALID_OPTION unless there are from 2 to as many neighbours as samples. */
export function requireNeighbours(where: string, neighbours: number, { shape }: Tensor): void {
  if (Number.isSafeInteger(neighbours) && neighbours >= 2 && neighbours <= shape[0]!) return;
  const expected = `a whole number of neighbours from 2 to the ${shape[0]} clean samples`;
  throw new DefenseError("INVALID_OPTION", `${where}: expected ${expected}, got ${neighbours}`);
}
