import { tensor } from "@casemate/tensor";
import { describe, expect, test } from "vitest";
import { type Attack, apgdCe, apgdDlr, fgsm, hopSkipJump, l1, l2, linf, pgd, run, threats } from "../src/index.ts";
import { linear } from "./classifiers.ts";

// Two classes with logits ±(w·x + b)/2, so that the margin is |w·x + b| and the nearest adversarial is known in every norm:
// |w·x + b| over the dual norm of w.
const w = [3, -4, 1.5, 0.5];
const model = linear([w.map((each) => each / 2), w.map((each) => -each / 2)], [0.1, -0.1], { lower: -50, upper: 50 });
const x = tensor([2, 4], Float32Array.of(1, 0.5, -0.5, 1, 0.25, 1, 0, -1));
const score = (row: number) => w.reduce((total, each, j) => total + each * x.data[row * 4 + j]!, 0.2);
const labels = [score(0) > 0 ? 0 : 1, score(1) > 0 ? 0 : 1];
const dual = { linf: 9, l2: Math.hypot(...w), l1: 4 };

const exact: readonly Attack[] = [
  fgsm(),
  pgd({ steps: 60, stepSize: 0.1 }),
  pgd({ steps: 60, stepSize: 0.1, momentum: 1 }),
];
const cases = exact.flatMap((attack) =>
  (["linf", "l2", "l1"] as const).map((norm) => ({ attack, norm, name: attack.name })),
);
const auto = [apgdCe(), apgdDlr()].flatMap((attack) =>
  (["linf", "l2"] as const).map((norm) => ({ attack, norm, name: attack.name })),
);

describe.each([...cases, ...auto])("$name in $norm on a linear classifier", ({ attack, norm }) => {
  test.each([0, 1])("breaks sample %i just above the closed-form distance and not below it", async (row) => {
    const one = tensor([1, 4], x.data.slice(row * 4, row * 4 + 4));
    const distance = Math.abs(score(row)) / dual[norm];
    const statuses = await Promise.all(
      [0.98, 1.02].map(async (factor) => {
        const { samples } = await run(model, one, [labels[row]!], threats[norm](factor * distance), { attack });
        return samples[0]!.status;
      }),
    );
    expect(statuses).toEqual(["robust", "broken"]);
  });
});

test("FGSM in L1 changes one feature only", async () => {
  const { samples } = await run(model, x, labels, l1(5), { attack: fgsm() });
  for (const [row, { adversarial }] of samples.entries()) {
    const changed = [...adversarial!].flatMap((value, j) => (value === x.data[row * 4 + j] ? [] : [j]));
    expect(changed).toEqual([1]); // the weight -4
  }
});

test("the last iterate of BIM with room to spare is the corner of the ball", async () => {
  const attack = pgd({ steps: 10, stepSize: 0.2, randomStart: false, keep: "last" });
  const { samples } = await run(model, x, labels, linf(2), { attack });
  for (const [row, { label, adversarial }] of samples.entries()) {
    const side = label === 0 ? -1 : 1;
    expect([...adversarial!]).toEqual(w.map((each, j) => x.data[row * 4 + j]! + side * 2 * Math.sign(each)));
  }
});

describe.each(["l2", "linf"] as const)("HopSkipJump in %s", (norm) => {
  test("converges to the closed-form distance", async () => {
    const attack = hopSkipJump({ iterations: 30 });
    const result = await run(model, x, labels, threats[norm](Infinity), { attack, activeSet: false });
    for (const [row, { status, distance }] of result.samples.entries()) {
      const nearest = Math.abs(score(row)) / dual[norm];
      expect(status).toBe("broken");
      expect(distance).toBeGreaterThan(nearest * 0.9999);
      expect(distance).toBeLessThan(nearest * 1.02);
    }
  });

  test("gives the same result for each sample, whatever runs beside it", async () => {
    const attack = hopSkipJump({ iterations: 3 });
    const both = await run(model, x, labels, threats[norm](Infinity), { attack, activeSet: false });
    const second = tensor([1, 4], x.data.slice(4));
    const alone = await run(model, second, [labels[1]!], threats[norm](Infinity), {
      attack,
      activeSet: false,
      indices: [1],
    });
    expect(alone.samples[0]).toEqual(both.samples[1]);
  });
});

test("HopSkipJump keeps to bounds other than [0, 1]", async () => {
  const tight = { ...model, bounds: { lower: -1.2, upper: 1.2 } };
  const { samples } = await run(tight, x, labels, l2(Infinity), { attack: hopSkipJump({ iterations: 10 }) });
  for (const { adversarial } of samples) {
    expect(adversarial!.every((value) => Math.abs(value) <= 1.2 + 1e-6)).toBe(true);
    expect(adversarial!.some((value) => value < 0)).toBe(true);
  }
});
