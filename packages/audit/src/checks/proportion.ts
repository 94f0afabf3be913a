import { clopperPearson } from "@casemate/statistics";
import type { AttackReport, Metric } from "../report.ts";

const CONFIDENCE = 0.95;

/** A share of samples with its exact (Clopper-Pearson) interval. Of no samples at all, the interval says that nothing is known. */
export function proportion(name: string, count: number, of: number): Metric {
  const { lower, upper } = of === 0 ? { lower: 0, upper: 1 } : clopperPearson(count, of, CONFIDENCE);
  const value = of === 0 ? 0 : count / of;
  return { name, value, unit: "proportion", count, of, interval: { lower, upper, confidence: CONFIDENCE } };
}

/** A point of a robustness curve, with the same interval. */
export function pointAt(epsilon: number, standing: number, of: number): AttackReport["curve"][number] {
  const { value, interval } = proportion("accuracy", standing, of);
  return { epsilon, accuracy: value, lower: interval!.lower, upper: interval!.upper };
}
