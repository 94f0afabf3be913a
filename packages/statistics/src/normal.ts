import { erfc } from "./error-function.ts";
import { StatisticsError } from "./statistics-error.ts";

/** The standard normal distribution function Φ(x). */
export function normalCdf(x: number): number {
  return erfc(-x / Math.SQRT2) / 2;
}

/**
 * The x at which Φ reaches `probability`; ±Infinity at 1 and 0. Starts from Abramowitz & Stegun 26.2.23 (4.5e-4) and
 * refines by Halley's method. Throws OUT_OF_RANGE outside [0, 1].
 */
export function normalQuantile(probability: number): number {
  if (!(probability >= 0 && probability <= 1)) {
    throw new StatisticsError("OUT_OF_RANGE", `normalQuantile: expected a probability in [0, 1], got ${probability}`);
  }
  if (probability > 0.5) return -normalQuantile(1 - probability);
  if (probability === 0) return Number.NEGATIVE_INFINITY;
  let x = roughQuantile(probability);
  for (let step = 0; step < 3; step++) {
    const density = Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
    if (density === 0) break; // only for subnormal probabilities
    const newton = (normalCdf(x) - probability) / density;
    x -= newton / (1 + (x * newton) / 2);
  }
  return x;
}

function roughQuantile(probability: number): number {
  const t = Math.sqrt(-2 * Math.log(probability));
  const numerator = 2.515517 + t * (0.802853 + t * 0.010328);
  const denominator = 1 + t * (1.432788 + t * (0.189269 + t * 0.001308));
  return numerator / denominator - t;
}
