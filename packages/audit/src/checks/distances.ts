import type { AttackReport } from "../report.ts";

const QUANTILES = [0, 0.1, 0.25, 0.5, 0.75, 0.9, 1];
const BARS = 20;

/** How perturbation sizes are distributed: quantiles, interpolated, and a histogram from 0 to the largest. */
export function distributionOf(distances: readonly number[]): NonNullable<AttackReport["distances"]> | undefined {
  if (distances.length === 0) return undefined;
  const sorted = [...distances].sort((a, b) => a - b);
  return { quantiles: QUANTILES.map((share) => quantile(sorted, share)), histogram: histogram(sorted) };
}

/** The value below which a share of `sorted` lies, linear between neighbours. */
export function quantile(sorted: readonly number[], share: number): number {
  const position = share * (sorted.length - 1);
  const below = sorted[Math.floor(position)]!;
  const above = sorted[Math.ceil(position)]!;
  return below + (above - below) * (position - Math.floor(position));
}

function histogram(sorted: readonly number[]): NonNullable<AttackReport["distances"]>["histogram"] {
  const largest = sorted.at(-1)!;
  if (largest === 0) return [{ from: 0, to: 0, count: sorted.length }];
  const counts = new Array<number>(BARS).fill(0);
  for (const distance of sorted) counts[Math.min(BARS - 1, Math.floor((distance / largest) * BARS))]!++;
  return counts.map((count, bar) => ({ from: (bar / BARS) * largest, to: ((bar + 1) / BARS) * largest, count }));
}
