import { mcNemar, pairedDifference, trialsToCompare } from "@casemate/statistics";
import type { FinishedCheck, SampleStatus } from "./checks/check.ts";
import type { ComparisonReport } from "./report.ts";

/** What is compared of two models: which check says so of each sample, and what it is called. */
const metrics = [
  { metric: "accuracy.clean", check: "accuracy" },
  { metric: "accuracy.robust", check: "worst-case" },
] as const;

export interface Contender {
  readonly name: string;
  /** Of the data, so that only the same samples are paired. */
  readonly dataSha256: string;
  readonly finished: ReadonlyMap<string, FinishedCheck>;
}

/**
 * Compares a model with another on the samples that both were measured on, by those that only one of the two gets right
 * (McNemar's exact test, and Tango's interval for the difference). Nothing where they share none.
 */
export function compare(baseline: Contender, candidate: Contender): readonly ComparisonReport[] {
  if (baseline.dataSha256 !== candidate.dataSha256) return [];
  return metrics.flatMap(({ metric, check }) => {
    const before = rightBySample(baseline.finished.get(check));
    const after = rightBySample(candidate.finished.get(check));
    const shared = [...before.keys()].filter((sample) => after.has(sample));
    if (shared.length === 0) return [];
    const count = (first: boolean, second: boolean) =>
      shared.filter((sample) => before.get(sample) === first && after.get(sample) === second).length;
    const [onlyBaseline, onlyCandidate] = [count(true, false), count(false, true)];
    const counts = { onlyA: onlyBaseline, onlyB: onlyCandidate, trials: shared.length };
    const interval = { ...pairedDifference(counts, CONFIDENCE), confidence: CONFIDENCE };
    const pValue = mcNemar(counts);
    return [
      {
        baseline: baseline.name,
        candidate: candidate.name,
        metric,
        samples: shared.length,
        both: count(true, true),
        onlyBaseline,
        onlyCandidate,
        neither: count(false, false),
        difference: (onlyCandidate - onlyBaseline) / shared.length,
        interval,
        pValue,
        verdict: pValue >= 1 - CONFIDENCE ? "no difference shown" : onlyCandidate > onlyBaseline ? "better" : "worse",
        samplesToSee: samplesToSee((onlyBaseline + onlyCandidate) / shared.length, shared.length),
      },
    ];
  });
}

const CONFIDENCE = 0.95;

/** Whether each sample was right in the end; what failed says nothing, and is no part of a pair. */
function rightBySample(check: FinishedCheck | undefined): ReadonlyMap<number, boolean> {
  const { index = [], status = [] } = check?.samples ?? {};
  const known = index.map((sample, row): [number, SampleStatus] => [sample, status[row]!]);
  return new Map(known.filter(([, each]) => each !== "failed").map(([sample, each]) => [sample, each === "robust"]));
}

/** Samples that a difference needs to be seen four times out of five, if the two disagree as often as they did here. */
function samplesToSee(discordance: number, samples: number): ComparisonReport["samplesToSee"] {
  return [0.01, 0.02, 0.05].map((difference) => {
    // models that never disagreed may do so on one sample more
    const expected = Math.max(discordance, difference, 1 / samples);
    return { difference, samples: trialsToCompare({ difference, discordance: Math.min(1, expected) }) };
  });
}
