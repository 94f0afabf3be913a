import { TOTAL_VARIATION_ROUNDING, type TotalVarianceOptions } from "@casemate/attacks";
import { float, type GraphBuilder, type Value } from "@casemate/onnx";
import { tensor } from "@casemate/tensor";
import { requireNumber } from "./option.ts";
import type { PictureShape, Purification } from "./purification.ts";

/**
 * Total variance minimisation (Guo et al., 2018, https://arxiv.org/abs/1711.00117) as a scan over its iterations: the same function and
 * descent as `totalVarianceMinimization` of `@casemate/attacks`. Which pixels are dropped is drawn anew in each run.
 */
export function totalVariance({
  kept = 0.5,
  weight = 0.03,
  iterations = 200,
}: TotalVarianceOptions = {}): Purification {
  requireNumber("total-variance, kept", kept, { least: 0.01, most: 1 });
  requireNumber("total-variance, weight", weight, { least: 0 });
  requireNumber("total-variance, iterations", iterations, { least: 1, most: 10_000, isWhole: true });
  return {
    name: "total-variance",
    needsImage: true,
    scale: "shares",
    nodes(graph, x, picture) {
      const one = graph.scalar(1, x);
      const draws = graph.op("RandomUniformLike", [x], { attributes: { low: float(0), high: float(1) } });
      const mask = kept === 1 ? one : graph.Cast(graph.Less(draws, graph.scalar(kept, x)), "float32");
      const step = graph.scalar(1 / (1 + (8 * weight) / TOTAL_VARIATION_ROUNDING), x);
      const momentum = Float32Array.from({ length: iterations }, (_, index) => index / (index + 3));
      const { states } = graph.Scan(
        [x, x],
        [graph.constant(tensor([iterations], momentum))],
        false,
        (body, [z, ahead], [share]) => {
          const pull = body.Mul(mask, body.Sub(ahead!, x));
          const slope = body.Add(pull, variationSlope(body, ahead!, picture, weight));
          const next = body.Sub(ahead!, body.Mul(step, slope));
          const further = body.Add(next, body.Mul(share!, body.Sub(next, z!)));
          return { states: [next, further], results: [] };
        },
      );
      return states[0]!;
    },
  };
}

/** The slope of weight · Σ √(Δrow² + Δcolumn² + rounding²). */
function variationSlope(graph: GraphBuilder, z: Value, { height, width }: PictureShape, weight: number): Value {
  const down = difference(graph, z, 2, height);
  const across = difference(graph, z, 3, width);
  const square = (value: Value) => graph.Mul(value, value);
  const length = graph.Sqrt(
    graph.Add(graph.Add(square(down), square(across)), graph.scalar(TOTAL_VARIATION_ROUNDING ** 2, z)),
  );
  const scale = graph.Div(graph.scalar(weight, z), length);
  const [scaledDown, scaledAcross] = [graph.Mul(scale, down), graph.Mul(scale, across)];
  const arriving = graph.Add(behind(graph, scaledDown, 2, height), behind(graph, scaledAcross, 3, width));
  return graph.Sub(arriving, graph.Add(scaledDown, scaledAcross));
}

/** The next less this one along an axis; 0 at its end. */
function difference(graph: GraphBuilder, z: Value, axis: number, length: number): Value {
  const next = graph.Slice(z, [1], [length], [axis]);
  const here = graph.Slice(z, [0], [length - 1], [axis]);
  return graph.Pad(graph.Sub(next, here), graph.ints([0, 1]), [axis]);
}

/** Everything one place further along an axis. */
function behind(graph: GraphBuilder, z: Value, axis: number, length: number): Value {
  return graph.Pad(graph.Slice(z, [0], [length - 1], [axis]), graph.ints([1, 0]), [axis]);
}
