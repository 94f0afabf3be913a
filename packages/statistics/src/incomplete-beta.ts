import { continuedFraction } from "./continued-fraction.ts";
import { stirlingError } from "./log-gamma.ts";
import { StatisticsError } from "./statistics-error.ts";

/**
 * The regularised incomplete beta function I_x(a, b), which is the distribution function of Beta(a, b) at x.
 * Continued fraction of DLMF 8.17.22. Throws OUT_OF_RANGE unless 0 ≤ x ≤ 1 and a, b > 0.
 */
export function incompleteBeta(x: number, a: number, b: number): number {
  if (!(x >= 0 && x <= 1)) {
    throw new StatisticsError("OUT_OF_RANGE", `incompleteBeta: expected x in [0, 1], got ${x}`);
  }
  requireShapes("incompleteBeta", a, b);
  if (x === 0 || x === 1) return x;
  // the fraction converges fast below the mean; above it, the mirrored one does
  return x < (a + 1) / (a + b + 2) ? lowerTail(x, a, b) : 1 - lowerTail(1 - x, b, a);
}

/** The density of Beta(a, b) at x in (0, 1), from Stirling remainders so that large a and b lose no digits (Loader, 2000). */
export function betaDensity(x: number, a: number, b: number): number {
  return powerTerm(x, a, b) / (x * (1 - x));
}

/** Throws OUT_OF_RANGE unless both parameters of a beta distribution are positive and finite. */
export function requireShapes(where: string, a: number, b: number): void {
  for (const shape of [a, b]) {
    if (!(shape > 0 && shape < Number.POSITIVE_INFINITY)) {
      throw new StatisticsError("OUT_OF_RANGE", `${where}: expected a > 0 and b > 0, got ${a} and ${b}`);
    }
  }
}

function lowerTail(x: number, a: number, b: number): number {
  const fraction = continuedFraction((k) => {
    if (k === 1) return [1, 1];
    const m = Math.floor((k - 1) / 2);
    const numerator = k % 2 === 0 ? -(a + m) * (a + b + m) * x : m * (b - m) * x;
    return k % 2 === 0
      ? [numerator / ((a + 2 * m) * (a + 2 * m + 1)), 1]
      : [numerator / ((a + 2 * m - 1) * (a + 2 * m)), 1];
  });
  return (powerTerm(x, a, b) * fraction) / a;
}

/** x^a (1 − x)^b / B(a, b). */
function powerTerm(x: number, a: number, b: number): number {
  const n = a + b;
  const distance = n * (x - a / n);
  const exponent = a * logRatio(distance / a, (n * x) / a) + b * logRatio(-distance / b, (n * (1 - x)) / b);
  const remainder = stirlingError(n) - stirlingError(a) - stirlingError(b);
  return Math.sqrt((a / n) * (b / (2 * Math.PI))) * Math.exp(exponent + remainder);
}

/** ln(1 + u) − u, by its series near 0; `ratio` is 1 + u. */
function logRatio(u: number, ratio: number): number {
  if (Math.abs(u) > 0.25) return Math.log(ratio) - u;
  let sum = 0;
  let power = u;
  for (let k = 2; k <= 30; k++) {
    power *= -u;
    sum += power / k;
  }
  return sum;
}
