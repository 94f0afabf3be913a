import { describe, expect, test } from "vitest";
import type { FinishedCheck, SampleStatus } from "../src/checks/check.ts";
import { type Contender, compare } from "../src/compare.ts";

/** What became of each sample, one letter each: robust, broken, wrong, failed; clean is right unless wrong. */
function contender(name: string, letters: string, dataSha256 = "same"): Contender {
  const names: Record<string, SampleStatus> = { r: "robust", b: "broken", w: "wrong", f: "failed" };
  const status = [...letters].map((letter) => names[letter]!);
  const checkOf = (statuses: readonly SampleStatus[]): FinishedCheck => ({
    result: {} as FinishedCheck["result"],
    samples: {
      index: statuses.map((_, row) => row),
      status: statuses,
      prediction: statuses.map(() => 0),
      distance: statuses.map(() => null),
    },
  });
  const finished = new Map([
    ["accuracy", checkOf(status.map((each) => (each === "wrong" ? "wrong" : "robust")))],
    ["worst-case", checkOf(status)],
  ]);
  return { name, dataSha256, finished };
}

describe("two models on the same samples", () => {
  test("are compared by the samples that only one gets right", () => {
    const [clean, robust] = compare(contender("old", "rrrrrrrrrb"), contender("new", "rbbbbbbbbw"));
    expect(clean).toMatchObject({ metric: "accuracy.clean", both: 9, onlyBaseline: 1, onlyCandidate: 0, neither: 0 });
    expect(robust).toMatchObject({ samples: 10, both: 1, onlyBaseline: 8, onlyCandidate: 0, neither: 1 });
    expect(robust!.difference).toBe(-0.8);
    expect(robust!.pValue).toBeCloseTo(2 / 2 ** 8, 12); // all eight on one side, either side
    expect([clean!.verdict, robust!.verdict]).toEqual(["no difference shown", "worse"]);
    expect(robust!.interval.upper).toBeLessThan(0);
  });

  test("that only differ by chance are not called better or worse", () => {
    const [, robust] = compare(contender("old", "rrrrbbbb"), contender("new", "bbrrrrrr"));
    expect(robust).toMatchObject({ onlyBaseline: 2, onlyCandidate: 4, verdict: "no difference shown" });
  });

  test("leave out what an attack failed on, since that says nothing", () => {
    const [, robust] = compare(contender("old", "rrf"), contender("new", "frr"));
    expect(robust!.samples).toBe(1);
  });

  test("need fewer samples for a larger difference", () => {
    const [, robust] = compare(contender("old", "rrrrrrrrrb"), contender("new", "rrrrrrrrbr"));
    const samples = robust!.samplesToSee.map((each) => each.samples);
    expect(samples).toEqual([...samples].sort((a, b) => b - a));
    expect(robust!.samplesToSee.map((each) => each.difference)).toEqual([0.01, 0.02, 0.05]);
  });

  test("of different data are not compared", () => {
    expect(compare(contender("old", "rr"), contender("new", "rr", "other"))).toEqual([]);
  });
});
