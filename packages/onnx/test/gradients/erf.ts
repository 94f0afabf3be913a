/** The error function by its series (Abramowitz and Stegun 7.1.6): exact to float64 for |x| < 3. */
export function erf(x: number): number {
  let term = x;
  let sum = 0;
  for (let n = 0; n < 80; n++) {
    sum += term;
    term *= (2 * x * x) / (2 * n + 3);
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}
