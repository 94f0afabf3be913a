import { readFile } from "node:fs/promises";
import { distances, type Norm } from "@casemate/tensor";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import {
  type AttackResult,
  apgdCe,
  fgsm,
  gradientMasking,
  hopSkipJump,
  l2,
  linf,
  type OnnxClassifier,
  pgd,
  run,
  type SampleResult,
  square,
  threats,
} from "../src/index.ts";
import { type DigitsModel, openDigits, readDigits } from "./digits.ts";

interface FoolboxRow extends Record<Norm, number> {
  readonly model: DigitsModel;
  readonly row: string;
  readonly norm: "linf" | "l2";
  readonly epsilon: number;
  readonly steps: number;
  readonly stepSize?: number;
  readonly broken: number;
}

interface AutoAttackRow {
  readonly model: DigitsModel;
  readonly epsilon: number;
  readonly clean: number;
  readonly "apgd-ce": number;
  readonly square: number;
}

const file = new URL("./vectors/digits.json", import.meta.url);
const vectors: { foolbox: FoolboxRow[]; autoattack: AutoAttackRow[] } = JSON.parse(await readFile(file, "utf8"));
const { x, labels } = await readDigits();
const models = new Map<DigitsModel, OnnxClassifier>();

beforeAll(async () => {
  for (const { model } of vectors.autoattack) models.set(model, await openDigits(model));
});
afterAll(async () => {
  for (const model of models.values()) await model.dispose();
});

describe.each(vectors.foolbox)("$row on $model", ({ model, norm, epsilon, steps, stepSize, broken, ...sizes }) => {
  const attack = stepSize === undefined ? fgsm() : pgd({ steps, stepSize, randomStart: false, keep: "last" });

  test("breaks as many as Foolbox, by as much, when run as Foolbox runs it", async () => {
    const options = { attack, attackMisclassified: true, activeSet: false };
    const { samples } = await run(models.get(model)!, x, labels, threats[norm](epsilon), options);
    const fallen = samples.filter(({ status }) => status === "broken");
    expect(Math.abs(fallen.length - broken)).toBeLessThanOrEqual(1);
    for (const measure of ["linf", "l2", "l1", "l0"] as const) {
      const total = fallen.reduce((sum, result) => sum + sizeOf(measure, result), 0);
      expect(Math.abs(total / fallen.length / sizes[measure] - 1)).toBeLessThan(0.01);
    }
  });
});

const short = vectors.foolbox.filter(({ steps }) => steps <= 10);

test.each(short)(
  "$row on $model breaks no fewer when run as we run it",
  async ({ model, norm, epsilon, steps, stepSize, broken }) => {
    const attack = stepSize === undefined ? fgsm() : pgd({ steps, stepSize, randomStart: false });
    const { curve } = await run(models.get(model)!, x, labels, threats[norm](epsilon), { attack });
    expect(curve[0]!.broken + curve[0]!.wrong).toBeGreaterThanOrEqual(broken);
    expect(curve[0]!.failed).toBe(0);
  },
);

describe.each(vectors.autoattack)("on $model", (row) => {
  const results: AttackResult[] = [];
  let strongest: AttackResult;

  beforeAll(async () => {
    const attacked = [fgsm(), pgd(), apgdCe()].map((attack) =>
      run(models.get(row.model)!, x, labels, linf(row.epsilon), { attack }),
    );
    results.push(...(await Promise.all(attacked)));
    strongest = results[2]!;
  }, 60_000);

  test("the clean count is the reference's", () => {
    expect(500 - strongest.curve[0]!.wrong).toBe(row.clean);
  });

  test("PGD with our defaults breaks no fewer than Foolbox's PGD and BIM", () => {
    const best = Math.max(
      ...vectors.foolbox.filter((each) => each.model === row.model && each.norm === "linf").map((each) => each.broken),
    );
    expect(results[1]!.curve[0]!.broken + results[1]!.curve[0]!.wrong).toBeGreaterThanOrEqual(best);
  });

  test("APGD-CE leaves at most 2 more standing than the authors'", () => {
    expect(strongest.curve[0]!.robust).toBeLessThanOrEqual(row["apgd-ce"] + 2);
  });

  test("the masking warning fires where gradients are masked, and only there", () => {
    expect(gradientMasking(results).length > 0).toBe(row.model === "mnist-masked");
  });

  test("Square, which needs no gradient, gets within reach of the whole AutoAttack", async () => {
    const part = { ...x, shape: [100, 1, 28, 28], data: x.data.subarray(0, 100 * 784) };
    const options = { attack: square({ queries: 500 }) };
    const { curve } = await run(models.get(row.model)!, part, labels.slice(0, 100), linf(row.epsilon), options);
    const leastStanding = (row.square / 500) * 100;
    expect(curve[0]!.robust).toBeGreaterThanOrEqual(leastStanding - 10);
    expect(curve[0]!.robust).toBeLessThan(row.model === "mnist-robust" ? 97 : 80);
  });
});

test.each(["mnist-standard", "mnist-masked", "mnist-robust"] as const)(
  "on %s neither batch size nor threads change a bit of the result",
  async (name) => {
    const two = await openDigits(name, 2);
    onTestFinished(() => two.dispose());
    const part = { ...x, shape: [40, 1, 28, 28], data: x.data.subarray(0, 40 * 784) };
    const options = { attack: pgd({ steps: 6 }), seed: 3 };
    const attacked = (model: OnnxClassifier, batchSize: number) =>
      run(model, part, labels.slice(0, 40), linf(0.15), { ...options, batchSize });
    const reference = await attacked(models.get(name)!, 64);
    for (const other of [attacked(models.get(name)!, 1), attacked(models.get(name)!, 7), attacked(two, 13)]) {
      expect((await other).samples).toEqual(reference.samples);
    }
  },
);

/** The size of a perturbation; of L0, as the reference counts it, features that change by more than 1e-6. */
function sizeOf(measure: Norm, { sample, adversarial }: SampleResult): number {
  const origin = x.data.subarray(sample * 784, (sample + 1) * 784);
  if (measure !== "l0") return distances(measure, adversarial!, origin, 784)[0]!;
  return adversarial!.filter((value, j) => Math.abs(value - origin[j]!) > 1e-6).length;
}

test("HopSkipJump comes near DDN's mean distance in L2 on the standard model", async () => {
  const part = { ...x, shape: [8, 1, 28, 28], data: x.data.subarray(0, 8 * 784) };
  const options = { attack: hopSkipJump({ iterations: 12 }), activeSet: false };
  const { samples } = await run(models.get("mnist-standard")!, part, labels.slice(0, 8), l2(Infinity), options);
  const fallen = samples.filter(({ status }) => status === "broken");
  expect(fallen.length).toBe(8);
  const mean = fallen.reduce((sum, { distance }) => sum + distance!, 0) / 8;
  expect(mean).toBeGreaterThan(0.5);
  expect(mean).toBeLessThan(3); // DDN's mean over the 500 is 1.18
});
