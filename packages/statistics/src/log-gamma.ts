import { StatisticsError } from "./statistics-error.ts";

/**
 * ln Γ(x) for x > 0, to 1e-14 of the larger of 1 and the value. Throws OUT_OF_RANGE for anything else.
 * Stirling's series (Abramowitz & Stegun 6.1.41) after Γ(x) = Γ(x + k) / (x (x + 1) … (x + k − 1)) has moved x above 10.
 */
export function logGamma(x: number): number {
  const { product, shifted } = shiftAboveTen(x);
  return (shifted - 0.5) * Math.log(shifted) - shifted + HALF_LOG_2PI + stirlingSeries(shifted) - Math.log(product);
}

/** ln Γ(x) − ((x − ½) ln x − x + ½ ln 2π) for x > 0: what Stirling's leading terms leave over. */
export function stirlingError(x: number): number {
  return x >= 10 ? stirlingSeries(x) : logGamma(x) - ((x - 0.5) * Math.log(x) - x + HALF_LOG_2PI);
}

const HALF_LOG_2PI = 0.5 * Math.log(2 * Math.PI);

function shiftAboveTen(x: number): { product: number; shifted: number } {
  if (!(x > 0 && x < Number.POSITIVE_INFINITY)) {
    throw new StatisticsError("OUT_OF_RANGE", `logGamma: expected x > 0 and finite, got ${x}`);
  }
  let product = 1;
  let shifted = x;
  while (shifted < 10) product *= shifted++;
  return { product, shifted };
}

// Bernoulli numbers B(2k) / (2k (2k − 1)); at x = 10 the first term left out is below 1e-17.
const COEFFICIENTS = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156, -3617 / 122400];

function stirlingSeries(x: number): number {
  return COEFFICIENTS.reduceRight((sum, coefficient) => sum / (x * x) + coefficient, 0) / x;
}
