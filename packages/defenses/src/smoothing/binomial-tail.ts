import { incompleteBeta } from "@casemate/statistics";

/** P(X ≥ count) of a binomial count: I_p(count, trials − count + 1) (https://dlmf.nist.gov/8.17.5). */
export function binomialUpperTail(count: number, trials: number, p: number): number {
  if (count <= 0) return 1;
  if (count > trials) return 0;
  return incompleteBeta(p, count, trials - count + 1);
}
