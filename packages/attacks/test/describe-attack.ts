import { takeRows, tensor } from "@casemate/tensor";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Attack,
  type AttackResult,
  type BallNorm,
  type Constraints,
  type GradientClassifier,
  run,
  type Threat,
  threats,
} from "../src/index.ts";
import { mlp, predictions, samplesFor } from "./classifiers.ts";

export interface AttackTable {
  /** With parameters that keep a run to a few hundred queries per sample. */
  readonly attack: Attack;
  /** Radii that leave some samples standing and break others; the norms of the attack if absent. */
  readonly epsilons?: Partial<Record<BallNorm, number>>;
  /** Shape of a sample: [1, 6, 6] by default. */
  readonly shape?: readonly number[];
  /** Decision attacks may start from other samples, so that what else is in the data set matters. */
  readonly startsFromOthers?: boolean;
  /** Why it cannot honour a mask, an epsilon per feature or constraints: in that case it must refuse a threat that has them. */
  readonly refuses?: Partial<Record<BallNorm, readonly ("mask" | "constraints")[]>>;
}

const usual: Record<BallNorm, number> = { linf: 0.15, l2: 0.6, l1: 2, l0: 6 };

/** The table that every attack goes through: what holds of all of them, whatever they do. */
export function describeAttack(table: AttackTable): void {
  const { attack, epsilons = {}, shape = [1, 6, 6], startsFromOthers = false, refuses = {} } = table;
  const width = shape.reduce((product, each) => product * each, 1);
  const opened = (seed: number): GradientClassifier => mlp(shape, 8, 4, seed);
  const parameters = Object.entries(attack.parameters).map(([key, value]) => `${key} ${value}`);

  describe.each(attack.norms as readonly BallNorm[])(`${attack.name} (${parameters.join(", ")}) in %s`, (norm) => {
    const epsilon = epsilons[norm] ?? usual[norm];
    const threat = threats[norm](epsilon);
    const refused = refuses[norm] ?? [];

    test("what it breaks is in the ball, in the bounds and misclassified; inputs stay as they were", async () => {
      await fc.assert(
        fc.asyncProperty(fc.nat(1000), fc.double({ min: 0.3, max: 2, noNaN: true }), async (seed, scale) => {
          const model = opened(seed);
          const [x, labels] = await samplesFor(model, 5, seed);
          const before = x.data.slice();
          const scaled = threats[norm](norm === "l0" ? Math.ceil(scale * epsilon) : scale * epsilon);
          const result = await run(model, x, labels, scaled, { attack, seed });
          await expectHonest(result, model, x.data, scaled, attack);
          expect(x.data).toEqual(before);
        }),
        { numRuns: 4 },
      );
    });

    test("does not depend on the batch size, to the bit, and gives the same again", async () => {
      const model = opened(3);
      const [x, labels] = await samplesFor(model, 7, 3);
      const runs = [1, 2, 64].map((batchSize) => run(model, x, labels, threat, { attack, seed: 5, batchSize }));
      const [one, two, all] = await Promise.all(runs);
      expect(one!.samples).toEqual(all!.samples);
      expect(two!.samples).toEqual(all!.samples);
      expect(all!.curve[0]!.failed).toBe(0);
    });

    test("does not depend on what else is in the data set, to the bit", async () => {
      if (startsFromOthers) return expect(attack.access).toBe("decision"); // these may start from other samples
      const model = opened(3);
      const [x, labels] = await samplesFor(model, 7, 3);
      const all = await run(model, x, labels, threat, { attack, seed: 5 });
      const one = await run(model, takeRows(x, [4]), [labels[4]!], threat, { attack, seed: 5, indices: [4] });
      expect(one.samples[0]).toEqual(all.samples[4]);
    });

    test(`${refused.includes("mask") ? "refuses" : "respects"} a mask`, async () => {
      const model = opened(4);
      const [x, labels] = await samplesFor(model, 6, 4);
      const mask = Uint8Array.from({ length: width }, (_, j) => (j % 3 === 0 ? 0 : 1));
      const running = run(model, x, labels, threats[norm](epsilon, { mask }), { attack, seed: 1 });
      if (refused.includes("mask")) return expect(running).rejects.toThrow(/mask/);
      const { samples } = await running;
      for (const [row, { adversarial }] of samples.entries()) {
        for (let j = 0; adversarial && j < width; j += 3) expect(adversarial[j]).toBe(x.data[row * width + j]);
      }
    });

    test(`${refused.includes("constraints") ? "refuses" : "meets"} constraints`, async () => {
      const model = opened(6);
      const [x, labels] = await samplesFor(model, 6, 6);
      const constrained = threats[norm](epsilon, { constraints: onlyUpOnEven });
      const running = run(model, x, labels, constrained, { attack, seed: 1 });
      if (refused.includes("constraints")) return expect(running).rejects.toThrow(/constraints/);
      const result = await running;
      await expectHonest(result, model, x.data, constrained, attack);
      for (const [row, { adversarial }] of result.samples.entries()) {
        for (let j = 0; adversarial && j < width; j += 2) {
          expect(adversarial[j]).toBeGreaterThanOrEqual(x.data[row * width + j]!);
        }
      }
    });

    test("honours the query budget, and what it leaves unfinished is failed, not robust", async () => {
      const model = opened(3);
      const [x, labels] = await samplesFor(model, 7, 3);
      const threatened = threats[norm](norm === "l0" ? 1 : 1e-3);
      const free = await run(model, x, labels, threatened, { attack, seed: 5 });
      const queries = Math.floor(free.queries.forward / 2);
      const {
        samples,
        queries: used,
        isComplete,
      } = await run(model, x, labels, threatened, { attack, seed: 5, budget: { queries } });
      expect(used.forward).toBeLessThanOrEqual(queries + samples.length); // what was found may still be verified
      expect(isComplete).toBe(false);
      expect(samples.some(({ status }) => status === "robust")).toBe(false);
      expect(free.queries.forward).toBe(free.samples.reduce((sum, { forward }) => sum + forward, 0));
      expect(free.queries.backward).toBe(free.samples.reduce((sum, { backward }) => sum + backward, 0));
    });
  });
}

/** A rule that is easy to check: features of even number may only grow. */
const onlyUpOnEven: Constraints = {
  repair(point, origin) {
    for (let j = 0; j < point.length; j += 2) point[j] = Math.max(point[j]!, origin[j]!);
  },
};

/** What the result says of each broken sample, measured again from outside. */
async function expectHonest(
  result: AttackResult,
  model: GradientClassifier,
  x: Float32Array,
  threat: Threat,
  { aim }: Attack,
): Promise<void> {
  const width = x.length / result.samples.length;
  for (const [row, { status, adversarial, distance, label }] of result.samples.entries()) {
    if (status !== "broken") continue;
    const origin = x.subarray(row * width, (row + 1) * width);
    const size = threat.distance(adversarial!, origin, width)[0]!;
    if (aim !== "anywhere") expect(size).toBeLessThanOrEqual((threat.epsilon as number) * (1 + 1e-5) + 1e-6);
    expect(distance).toBeCloseTo(size, 5);
    expect(Math.min(...adversarial!)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...adversarial!)).toBeLessThanOrEqual(1);
    const logits = await model.logits(tensor([1, ...model.inputShape], adversarial!));
    expect(predictions(logits)[0]).not.toBe(label);
  }
  const [point] = result.curve;
  expect(point!.broken + point!.robust + point!.wrong + point!.failed).toBe(result.samples.length);
}
