import { tensor } from "@casemate/tensor";
import { describe, expect, test } from "vitest";
import { spreadQueries } from "../../src/decision/geoda.ts";
import { type Attack, boundary, geoda, run, signOpt, threats } from "../../src/index.ts";
import { linear, mlp, samplesFor } from "../classifiers.ts";
import { describeAttack } from "../describe-attack.ts";
import { plane } from "../plane.ts";

describeAttack({ attack: boundary({ steps: 60 }) });
describeAttack({ attack: signOpt({ queries: 120, probes: 20, directions: 5 }) });
describeAttack({ attack: geoda({ queries: 200 }) });

const converging: readonly (readonly [Attack, number])[] = [
  [boundary({ steps: 3000 }), 1.02],
  [signOpt({ queries: 4000 }), 1.02],
  [geoda({ queries: 2000 }), 1.1],
];

describe.each(
  converging.flatMap(([attack, factor]) => attack.norms.map((norm) => ({ attack, factor, norm, name: attack.name }))),
)("$name in $norm", ({ attack, factor, norm }) => {
  test("comes near the closed-form distance from a plane", async () => {
    const { model, x, labels, distance } = plane();
    const { samples } = await run(model, x, labels, threats[norm as "l2"](Infinity), { attack, activeSet: false });
    for (const [row, { status, distance: found }] of samples.entries()) {
      const nearest = distance(row, norm as "l2");
      expect(status).toBe("broken");
      expect(found).toBeGreaterThan(nearest * 0.9999);
      expect(found).toBeLessThan(nearest * factor);
    }
  });

  test("fails with the reason where nothing is adversarial to start from", async () => {
    const constant = linear([new Array(4).fill(0), new Array(4).fill(0)], [1, 0]);
    const { samples } = await run(constant, tensor([1, 4]), [0], threats[norm as "l2"](1), { attack });
    expect(samples[0]).toMatchObject({ status: "failed" });
    expect(samples[0]!.message).toMatch(/no starting point/);
  });

  test("honours targets", async () => {
    const model = mlp([1, 6, 6], 8, 4, 3);
    const [x, labels] = await samplesFor(model, 12, 3);
    const targets = labels.map((label) => labels.find((other) => other !== label)!);
    const criterion = { type: "targeted", targets } as const;
    const { samples } = await run(model, x, labels, threats[norm as "l2"](Infinity), { attack, criterion });
    const broken = samples.filter(({ status }) => status === "broken");
    expect(broken.length).toBeGreaterThan(8);
    for (const { adversarialPrediction, sample } of broken) expect(adversarialPrediction).toBe(targets[sample]);
  });
});

test("Sign-OPT stops soon after its limit of queries", async () => {
  const { model, x, labels } = plane();
  const attack = signOpt({ queries: 1000 });
  const { samples } = await run(model, x, labels, threats.l2(Infinity), { attack, activeSet: false });
  for (const { forward } of samples) {
    expect(forward).toBeGreaterThan(1000);
    expect(forward).toBeLessThan(1800);
  }
});

test("GeoDA spreads 4000 queries as the authors' code does", () => {
  // Printed by the authors' opt_query_iteration for Q_max = 4000 and mu = 0.6.
  expect(spreadQueries(4000, 0.6)).toEqual([75, 105, 148, 208, 293, 411, 578, 813, 1143]);
  expect(spreadQueries(10, 0.6)).toEqual([1]);
});
