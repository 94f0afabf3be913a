import { mirrored } from "@casemate/attacks";
import type { GraphBuilder, Value } from "@casemate/onnx";
import { requireNumber } from "./option.ts";
import type { Purification } from "./purification.ts";

/** Each pixel becomes the median of the window around it, the image mirrored beyond its edge (Xu et al., 2018). */
export function medianFilter({ size = 3 }: { readonly size?: number } = {}): Purification {
  requireNumber("median, size", size, { least: 2, most: 15, isWhole: true });
  return {
    name: "median",
    needsImage: true,
    scale: "values",
    nodes(graph, x, { height, width }) {
      const padded = extended(graph, extended(graph, x, 2, height, size), 3, width, size);
      const views: Value[] = [];
      for (let row = 0; row < size; row++) {
        for (let column = 0; column < size; column++) {
          const view = graph.Slice(padded, [row, column], [row + height, column + width], [2, 3]);
          views.push(graph.Unsqueeze(view, [4]));
        }
      }
      const middle = views.length >> 1;
      const { values } = graph.TopK(graph.Concat(views, 4), middle + 1, 4, 0);
      return graph.Squeeze(graph.Slice(values, [middle], [middle + 1], [4]), [4]);
    },
  };
}

/** An axis with what a window needs before and behind it. */
function extended(graph: GraphBuilder, x: Value, axis: number, length: number, size: number): Value {
  const before = Math.floor(size / 2);
  const places = Array.from({ length: length + size - 1 }, (_, i) => mirrored(i - before, length));
  return graph.Gather(x, graph.ints(places), axis);
}
