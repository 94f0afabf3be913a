import { expect, test } from "vitest";
import type { FinishedCheck, SampleOutcomes } from "../../src/checks/check.ts";
import { worstCaseCheck, worstOutcomes } from "../../src/checks/worst-case.ts";
import type { OpenSubject } from "../../src/subject.ts";

const finished = (id: string, samples: SampleOutcomes): FinishedCheck => ({
  result: {
    id,
    title: id,
    kind: "attack",
    status: "completed",
    citation: { text: "", url: "" },
    taxonomy: { owasp: [], atlas: [], nist: [] },
    parameters: {},
    seconds: 0,
    queries: { forward: 0, backward: 0 },
    metrics: [],
    warnings: [],
  },
  samples,
});

const weak = finished("weak", {
  index: [0, 1, 2, 3, 4],
  status: ["wrong", "robust", "broken", "robust", "failed"],
  prediction: [7, 1, 5, 3, 4],
  distance: [null, null, 0.3, null, null],
});
const strong = finished("strong", {
  index: [1, 2, 4],
  status: ["broken", "broken", "robust"],
  prediction: [8, 6, 4],
  distance: [0.25, 0.1, null],
});

test("a sample is as the worst attack left it, with the smallest perturbation", () => {
  const worst = worstOutcomes([weak, strong], ["weak", "strong"]);
  expect(Object.fromEntries(worst)).toEqual({
    0: { status: "wrong", prediction: 7, distance: undefined },
    1: { status: "broken", prediction: 8, distance: 0.25 },
    2: { status: "broken", prediction: 6, distance: 0.1 },
    3: { status: "robust", prediction: 3, distance: undefined },
    4: { status: "robust", prediction: 4, distance: undefined },
  });
});

test("attacks outside of the threat are left out", () => {
  expect(worstOutcomes([weak, strong], ["weak"]).get(1)?.status).toBe("robust");
});

test("the counts and the curve are about all samples", async () => {
  const check = worstCaseCheck({ norm: "linf", epsilons: [0.1, 0.2, 0.3], attacks: ["weak", "strong"] });
  const earlier = new Map([weak, strong].map((each) => [each.result.id, each]));
  const { value } = await check.run({ subject: {} as OpenSubject, earlier, signal: undefined }).next();
  if (!value || !("metrics" in value)) throw new Error("expected a measurement");
  expect(value.attack).toMatchObject({ broken: 2, robust: 2, wrong: 1, failed: 0, epsilon: 0.3 });
  expect(value.attack!.curve.map(({ epsilon, accuracy }) => [epsilon, accuracy])).toEqual([
    [0, 0.8],
    [0.1, 0.6],
    [0.2, 0.6],
    [0.3, 0.4],
  ]);
});
