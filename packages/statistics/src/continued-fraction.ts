/**
 * The value of a₁ / (b₁ + a₂ / (b₂ + …)) by the modified Lentz method (Numerical Recipes, 3rd ed., section 5.2).
 * `term(k)` gives [aₖ, bₖ] from k = 1.
 */
export function continuedFraction(term: (k: number) => readonly [number, number]): number {
  let value = TINY;
  let c = value;
  let d = 0;
  for (let k = 1; k <= MAXIMUM_TERMS; k++) {
    const [a, b] = term(k);
    d = 1 / awayFromZero(b + a * d);
    c = awayFromZero(b + a / c);
    value *= c * d;
    if (Math.abs(c * d - 1) < Number.EPSILON) break;
  }
  return value;
}

const TINY = 1e-300; // stands for an exact zero, which Lentz's quotients cannot pass
const MAXIMUM_TERMS = 1_000_000; // the incomplete beta needs about √(a + b); reached only when rounding keeps c·d off 1

function awayFromZero(x: number): number {
  return Math.abs(x) < TINY ? TINY : x;
}
