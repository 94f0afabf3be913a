import { continuedFraction } from "./continued-fraction.ts";

/**
 * The complementary error function 2/√π ∫ₓ^∞ exp(−t²) dt, accurate relative to its value also far in the tail.
 * Series 7.6.2 and continued fraction 7.9.2 of DLMF.
 */
export function erfc(x: number): number {
  if (x < 0) return 2 - erfc(-x);
  if (x === Number.POSITIVE_INFINITY) return 0;
  return x < 2 ? 1 - erfSeries(x) : erfcFraction(x);
}

/** erf(x) = 2/√π exp(−x²) Σ 2ⁿ x²ⁿ⁺¹ / (2n + 1)!!, all terms positive. */
function erfSeries(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; term > sum * Number.EPSILON * 0.1; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

function erfcFraction(x: number): number {
  const fraction = continuedFraction((k) => [k === 1 ? 1 : (k - 1) / 2, x]);
  return (Math.exp(-x * x) / Math.sqrt(Math.PI)) * fraction;
}
