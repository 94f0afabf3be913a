import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isInBall } from "../../src/engine/verify.ts";
import {
  apgdCe,
  type BallNorm,
  constraints,
  type FeatureRule,
  hopSkipJump,
  pgd,
  run,
  square,
  threats,
} from "../../src/index.ts";
import { linear, mlp, samplesFor } from "../classifiers.ts";
import { randomTable, violationOf } from "./random-table.ts";

const ball = fc.record({
  norm: fc.constantFrom<BallNorm>("linf", "l2", "l1", "l0"),
  share: fc.double({ min: 0.2, max: 2, noNaN: true }),
});

describe("repair", () => {
  test("makes any point possible, and leaves a possible one as it is", () => {
    fc.assert(
      fc.property(randomTable, ({ spec, origin, point }) => {
        const { repair } = constraints(spec);
        const repaired = point.slice();
        repair(repaired, origin);
        expect(violationOf(spec, repaired, origin)).toBeUndefined();
        const again = repaired.slice();
        repair(again, origin);
        expect(again).toEqual(repaired);
        const still = origin.slice();
        repair(still, origin);
        expect(still).toEqual(origin);
      }),
      { numRuns: 500 },
    );
  });

  test("does not leave a ball that the point is in, and stays possible", () => {
    fc.assert(
      fc.property(randomTable, ball, ({ spec, origin, point: anywhere }, { norm, share }) => {
        const point = anywhere.slice();
        const unlimited = threats[norm](1);
        const radius = unlimited.distance(point, origin, point.length)[0]! * share;
        const threat = threats[norm](norm === "l0" ? Math.ceil(radius) : radius);
        threat.project(point, origin, point.length, { lower: -1e9, upper: 1e9 });
        const { repair } = constraints(spec);
        const repaired = point.slice();
        repair(repaired, origin, threat);
        expect(isInBall(repaired, origin, threat)).toBe(true);
        expect(violationOf(spec, repaired, origin)).toBeUndefined();
        const again = repaired.slice();
        repair(again, origin, threat);
        expect(again).toEqual(repaired);
      }),
      { numRuns: 500 },
    );
  });
});

const repaired = (features: readonly FeatureRule[], point: number[], origin: number[], epsilon?: number) => {
  const row = Float32Array.from(point);
  constraints({ features }).repair(
    row,
    Float32Array.from(origin),
    epsilon === undefined ? undefined : threats.linf(epsilon),
  );
  return [...row];
};

describe("each rule", () => {
  test("rounds whole numbers towards the origin", () => {
    expect(repaired([{ integer: true }, { integer: true }], [4.9, 1.1], [3, 3])).toEqual([4, 2]);
  });

  test("moves a group as a whole to its largest member, where the ball has room", () => {
    const group = [{ oneHot: "job" }, { oneHot: "job" }, { oneHot: "job" }];
    expect(repaired(group, [0.4, 0.3, 0.6], [1, 0, 0])).toEqual([0, 0, 1]);
    expect(repaired(group, [0.4, 0.3, 0.6], [1, 0, 0], 1)).toEqual([0, 0, 1]);
    expect(repaired(group, [0.4, 0.3, 0.6], [1, 0, 0], 0.7)).toEqual([1, 0, 0]);
    expect(repaired([{ oneHot: "job" }, { oneHot: "job", mutable: false }], [0, 1], [1, 0])).toEqual([1, 0]);
  });

  test("shrinks other changes so that a group may change", () => {
    const row = Float32Array.of(0.3, 0.7, 0.9);
    const rules = constraints({ features: [{ oneHot: "job" }, { oneHot: "job" }, {}] });
    rules.repair(row, Float32Array.of(1, 0, 0), threats.l2(1.5));
    expect([...row.subarray(0, 2)]).toEqual([0, 1]);
    expect(row[2]).toBeCloseTo(0.5, 3); // what is left of 1.5² after 1² + 1²
  });

  test("recomputes what follows, and keeps orders", () => {
    const ratio: FeatureRule = { formula: { type: "ratio", numerator: 0, denominator: 1 } };
    expect(repaired([{}, {}, ratio], [6, 3, 100], [4, 4, 1])).toEqual([6, 3, 2]);
    expect(repaired([{ atMost: 1 }, {}], [8, 4], [2, 6])).toEqual([5, 5]);
    expect(repaired([{ atMost: 1 }, { mutable: false }], [8, 4], [2, 6])).toEqual([6, 6]);
  });

  test("holds a formula to the ball by holding back what it reads", () => {
    const double: FeatureRule = { formula: { type: "linear", terms: [{ feature: 0, weight: 2 }] } };
    const [x, twice] = repaired([{}, double], [1, 0], [0, 0], 1);
    expect(x).toBeCloseTo(0.5, 3);
    expect(twice).toBe(2 * x!);
  });
});

describe("the spec", () => {
  test.each<[string, FeatureRule[]]>([
    ["'job' to have two members, got one", [{ oneHot: "job" }, {}]],
    ["range is empty", [{ range: { lower: 2, upper: 1 } }]],
    ["got 4", [{ atMost: 4 }]],
    ["another feature from 0 to 0, got 0", [{ atMost: 0 }]],
    [
      "depends on itself",
      [{ formula: { type: "product", factors: [1] } }, { formula: { type: "product", factors: [0] } }],
    ],
    ["one-hot group or a formula", [{ oneHot: "a", formula: { type: "product", factors: [1] } }, { oneHot: "a" }]],
  ])("is refused where it says: %s", (message, features) => {
    expect(() => constraints({ features })).toThrow(message);
  });
});

describe("attacks on a table", () => {
  const attacks = [
    pgd({ steps: 10 }),
    apgdCe({ steps: 10 }),
    square({ queries: 60 }),
    hopSkipJump({ iterations: 3, initialEvaluations: 20 }),
  ];

  test.each(attacks)("$name obeys its rules", async (attack) => {
    const features: FeatureRule[] = [
      { range: { lower: 18, upper: 98 }, integer: true, direction: "up" },
      { range: { lower: 0, upper: 40 } },
      { range: { lower: 0, upper: 80 }, atMost: 3 },
      { range: { lower: 0, upper: 80 } },
      { oneHot: "job", range: { lower: 0, upper: 1 } },
      { oneHot: "job", range: { lower: 0, upper: 1 } },
      { oneHot: "job", range: { lower: 0, upper: 1 } },
      {
        range: { lower: -80, upper: 80 },
        formula: {
          type: "linear",
          terms: [
            { feature: 3, weight: 1 },
            { feature: 2, weight: -1 },
          ],
        },
      },
      { mutable: false, range: { lower: 0, upper: 1 } },
    ];
    const units = {
      offset: features.map(({ range }) => range!.lower),
      scale: features.map(({ range }) => range!.upper - range!.lower),
    };
    const rules = constraints({ features, units });
    for (const seed of [1, 2]) {
      const model = mlp([9], 8, 3, seed);
      const [x] = await samplesFor(model, 12, seed);
      for (let row = 0; row < 12; row++) {
        const values = x.data.subarray(9 * row, 9 * row + 9);
        values.set([Math.round(values[0]! * 80) / 80, values[1]!, values[2]! / 2, 0.5 + values[3]! / 2, 0, 0, 0], 0);
        values[4 + (row % 3)] = 1;
        values[7] = (80 * (values[3]! - values[2]!) + 80) / 160;
      }
      const logits = await model.logits(x);
      const labels = Array.from({ length: 12 }, (_, row) => {
        const scores = [...logits.data.subarray(3 * row, 3 * row + 3)];
        return scores.indexOf(Math.max(...scores));
      });
      for (const norm of attack.name === "Square" ? (["linf"] as const) : (attack.norms as readonly BallNorm[])) {
        const threat = threats[norm]({ linf: 1, l2: 1.6, l1: 3, l0: 4 }[norm], { constraints: rules });
        const { samples } = await run(model, x, labels, threat, { attack, seed });
        expect(samples.some(({ status }) => status === "broken")).toBe(true);
        expect(samples.filter(({ status }) => status === "failed")).toEqual([]);
        for (const [row, { adversarial }] of samples.entries()) {
          const origin = x.data.subarray(9 * row, 9 * row + 9);
          if (adversarial) expect(violationOf({ features, units }, adversarial, origin)).toBeUndefined();
        }
      }
    }
  });

  test("PGD flips the category that decides, where a ball allows it", async () => {
    const model = linear(
      [
        [0, 0, 0],
        [-2, 3, 0.5],
      ],
      [0, 0],
    );
    const rules = constraints({ features: [{ oneHot: "job" }, { oneHot: "job" }, {}] });
    const x = { dtype: "float32", shape: [1, 3], data: Float32Array.of(1, 0, 0.2) } as const;
    const attempt = async (epsilon: number) =>
      (await run(model, x, [0], threats.linf(epsilon, { constraints: rules }), { attack: pgd() })).samples[0]!;
    expect([...(await attempt(1)).adversarial!.subarray(0, 2)]).toEqual([0, 1]);
    expect((await attempt(0.9)).status).toBe("robust");
  });
});
