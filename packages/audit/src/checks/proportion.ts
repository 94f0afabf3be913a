import { clopperPearson } from "@casemate/statistics";
import type { Metric } from "../report.ts";

const CONFIDENCE = 0.95;

/** A share of samples with its exact (Clopper-Pearson) interval. Of no samples at all, the interval says that nothing is known. */
export function proportion(name: string, count: number, of: number): Metric {
  const { lower, upper } = of === 0 ? { lower: 0, upper: 1 } : clopperPearson(count, of, CONFIDENCE);
  const value = of === 0 ? 0 : count / of;
  return { name, value, unit: "proportion", count, of, interval: { lower, upper, confidence: CONFIDENCE } };
}
