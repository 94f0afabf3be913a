import { COSINE_BASIS, jpegTables, toRgb, toYCbCr } from "@casemate/attacks";
import type { GraphBuilder, Value } from "@casemate/onnx";
import { requireNumber } from "./option.ts";
import type { Purification } from "./purification.ts";

/**
 * What JPEG at a quality from 1 to 100 leaves of a picture (Dziugaite et al., 2016, https://arxiv.org/abs/1608.00853): the same as
 * `jpegCompression` of `@casemate/attacks`, as nodes; in float64, so that both round the same way.
 */
export function jpeg({ quality = 75 }: { readonly quality?: number } = {}): Purification {
  requireNumber("jpeg, quality", quality, { least: 1, most: 100 });
  return {
    name: "jpeg",
    needsImage: true,
    scale: "shares",
    nodes(graph, x, { channels, height, width }) {
      const { luminance, chrominance } = jpegTables(quality);
      const isColour = channels === 3;
      const rounding = roundingOf(graph);
      const bytes = rounding.whole(graph.Mul(graph.Cast(x, "float64"), rounding.number(255)));
      const planes = isColour ? rounding.whole(recoloured(graph, bytes, toYCbCr)) : bytes;
      const table = Array.from({ length: channels }, (_, channel) => [
        ...(isColour && channel > 0 ? chrominance : luminance),
      ]);
      const steps = constant(graph, [channels, 1, 1, 8, 8], table.flat());
      const [rows, columns] = [Math.ceil(height / 8), Math.ceil(width / 8)];
      const repeated = edgeRepeated(graph, edgeRepeated(graph, planes, 2, height, 8 * rows), 3, width, 8 * columns);
      const split = graph.Reshape(repeated, graph.ints([-1, channels, rows, 8, columns, 8]));
      const blocks = graph.Sub(graph.Transpose(split, [0, 1, 2, 4, 3, 5]), rounding.number(128));
      const basis = constant(graph, [8, 8], [...COSINE_BASIS]);
      const turned = graph.Transpose(basis, [1, 0]);
      const cosines = graph.MatMul(graph.MatMul(basis, blocks), turned);
      const kept = graph.Mul(rounding.whole(graph.Div(cosines, steps)), steps);
      const back = graph.Add(graph.MatMul(graph.MatMul(turned, kept), basis), rounding.number(128));
      const joined = graph.Reshape(
        graph.Transpose(rounding.byte(back), [0, 1, 2, 4, 3, 5]),
        graph.ints([-1, channels, 8 * rows, 8 * columns]),
      );
      const decoded = graph.Slice(joined, [0, 0], [height, width], [2, 3]);
      const coloured = isColour ? rounding.byte(recoloured(graph, decoded, toRgb)) : decoded;
      return graph.Cast(graph.Div(coloured, rounding.number(255)), "float32");
    },
  };
}

function roundingOf(graph: GraphBuilder) {
  const number = (value: number) => constant(graph, [], [value]);
  const whole = (x: Value) => graph.op("Floor", [graph.Add(x, number(0.5))]); // halves go up, as Math.round has it
  const byte = (x: Value) => graph.Min(graph.Max(whole(x), number(0)), number(255));
  return { number, whole, byte };
}

/** Takes the three channels through an affine map of pixels, as a matrix and what it adds. */
function recoloured(graph: GraphBuilder, x: Value, map: (pixel: readonly number[]) => readonly number[]): Value {
  const offset = map([0, 0, 0]);
  const columns = [0, 1, 2].map((channel) => map([0, 1, 2].map((each) => (each === channel ? 1 : 0))));
  const matrix = offset.flatMap((added, row) => columns.map((column) => column[row]! - added));
  const last = graph.Transpose(x, [0, 2, 3, 1]);
  const mapped = graph.MatMul(last, graph.Transpose(constant(graph, [3, 3], matrix), [1, 0]));
  return graph.Transpose(graph.Add(mapped, constant(graph, [3], offset)), [0, 3, 1, 2]);
}

function edgeRepeated(graph: GraphBuilder, x: Value, axis: number, length: number, wanted: number): Value {
  if (length === wanted) return x;
  const places = Array.from({ length: wanted }, (_, i) => Math.min(i, length - 1));
  return graph.Gather(x, graph.ints(places), axis);
}

function constant(graph: GraphBuilder, shape: readonly number[], numbers: readonly number[]): Value {
  return graph.constant({ dtype: "float64", shape, data: Float64Array.from(numbers) });
}
