/**
 * How bounds are rounded. "nearest" is plain float32 arithmetic, as papers and their code compute it. "outward" adds what
 * float32 can have lost, so that bounds hold for what the runtime computes and not only for real numbers: a sum of n products
 * in any order is off by at most n · 2⁻²⁴ of the sum of their magnitudes (Higham, 2002, §3.1, to first order; taken twice here), in the
 * model itself, in the coefficients that are carried back through an operator, and in the sums that make a bound of them.
 */
export type Rounding = "nearest" | "outward";

/** Share of the magnitudes that a sum of `count` products can be off by, with a factor of two to spare. */
export function roundingOf(count: number): number {
  return (count + 16) * 2 ** -23;
}

/** What an activation can be off by, of the magnitudes of its input and output: 16 units in the last place. */
export const ACTIVATION_ROUNDING: number = 2 ** -20;
