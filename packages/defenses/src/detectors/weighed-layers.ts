import type { GraphBuilder, Value } from "@casemate/onnx";
import type { Tensor } from "@casemate/tensor";
import type { DetectorTraining, FittedScore } from "./detector.ts";
import { runGraph } from "./graph-run.ts";
import { logisticRegression } from "./logistic-regression.ts";

/** The score of one layer: rows [batch, width] to [batch]. */
export type LayerScore = (graph: GraphBuilder, values: Value) => Value;

/** Scores of all layers as one: the log-odds of a logistic regression that tells attacked samples from the same ones clean. */
export async function weighedLayers(
  { clean, attacked }: NonNullable<DetectorTraining["pairs"]>,
  scores: readonly LayerScore[],
): Promise<FittedScore> {
  const columnsOf = async (layers: readonly Tensor[]) => {
    const columns: Float32Array[] = [];
    for (const [i, layer] of layers.entries()) columns.push((await runGraph(layer, scores[i]!)).data);
    return columns;
  };
  const sides = [await columnsOf(clean.layers), await columnsOf(attacked.layers)];
  const rows = sides.flatMap((columns) => Array.from(columns[0]!, (_, i) => columns.map((column) => column[i]!)));
  const count = clean.x.shape[0]!;
  const { weights, bias } = logisticRegression(
    rows,
    rows.map((_, i) => Number(i >= count)),
  );
  return {
    score(graph, { layers, features }) {
      const parts = layers.map((layer, i) => {
        return graph.Mul(scores[i]!(graph, layer), graph.scalar(weights[i]!, features));
      });
      return graph.Add(graph.Sum(...parts), graph.scalar(bias, features));
    },
  };
}
