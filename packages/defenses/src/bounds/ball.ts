import type { Bounds } from "@casemate/attacks";
import { sizeOf, type Tensor, tensor } from "@casemate/tensor";
import type { Rounding } from "./rounding.ts";

/** What a certificate is about: every input that is at most epsilon away from a sample, in a norm, and within the bounds. */
export interface CertifiedBall {
  readonly norm: "linf" | "l2" | "l1";
  /** In the units of the bounds; one number, or one per feature (Linf only). */
  readonly epsilon: number | Float32Array;
  readonly bounds: Bounds;
  /** 1 where a feature may change, 0 where it may not; all may if absent. */
  readonly mask?: Uint8Array;
}

/**
 * The box around each sample's ball, cut at the bounds: [n, …] both. Rounded outward it also has what attacks are allowed to
 * exceed the ball and the bounds by, since floats cannot say the border of a ball: 1e-5 of epsilon, 1e-6 of a bound.
 */
export function boxAround(x: Tensor, ball: CertifiedBall, rounding: Rounding): { lower: Tensor; upper: Tensor } {
  const width = sizeOf(x.shape.slice(1));
  const isOutward = rounding === "outward";
  const at = (side: number | Float32Array, j: number) => (typeof side === "number" ? side : side[j]!);
  const reach = new Float64Array(width);
  const least = new Float64Array(width);
  const most = new Float64Array(width);
  for (let j = 0; j < width; j++) {
    reach[j] = ball.mask?.[j] === 0 ? 0 : at(ball.epsilon, j) * (isOutward ? 1 + 2e-5 : 1);
    const slack = isOutward && reach[j]! > 0 ? 1e-6 : 0;
    least[j] = at(ball.bounds.lower, j) - slack * Math.abs(at(ball.bounds.lower, j));
    most[j] = at(ball.bounds.upper, j) + slack * Math.abs(at(ball.bounds.upper, j));
  }
  const lower = new Float32Array(x.data.length);
  const upper = new Float32Array(x.data.length);
  for (let start = 0; start < x.data.length; start += width) {
    for (let j = 0; j < width; j++) {
      const value = x.data[start + j]!;
      const low = Math.min(Math.max(value - reach[j]!, least[j]!), value);
      const high = Math.max(Math.min(value + reach[j]!, most[j]!), value);
      lower[start + j] = isOutward ? below(low) : low;
      upper[start + j] = isOutward ? above(high) : high;
    }
  }
  return { lower: tensor(x.shape, lower), upper: tensor(x.shape, upper) };
}

/** The largest float32 that is not above a number. */
function below(value: number): number {
  const rounded = Math.fround(value);
  return rounded <= value ? rounded : Math.fround(rounded - Math.max(Math.abs(rounded) * 2 ** -23, 2 ** -149));
}

function above(value: number): number {
  return -below(-value);
}
