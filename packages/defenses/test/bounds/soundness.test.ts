import { type Attack, apgdCe, apgdDlr, fgsm, l1, l2, linf, openClassifier, pgd, run, square } from "@casemate/attacks";
import { fillSigns, fillUniform, sizeOf, type Tensor, tensor } from "@casemate/tensor";
import { describe, expect, test } from "vitest";
import { type BoundMethod, openVerifier } from "../../src/index.ts";
import { networks, pointsOf } from "./networks.ts";

const bounds = { lower: 0, upper: 1 };
const methods: readonly BoundMethod[] = ["ibp", "deepz", "crown", "alpha-crown"];
const SAMPLES = 6;
const POINTS = 60;

/** Random points and corners of the balls, sample after sample. */
function insideBalls(x: Tensor, epsilon: number, norm: "linf" | "l2" | "l1"): Tensor {
  const width = sizeOf(x.shape.slice(1));
  const data = new Float32Array(x.data.length * POINTS);
  const change = new Float32Array(width);
  for (let i = 0; i < x.shape[0]! * POINTS; i++) {
    const sample = Math.floor(i / POINTS);
    const draw = { seed: 5, stream: 0, sample: i, step: 0 };
    if (i % 2 === 0) fillSigns(change, draw);
    else {
      fillUniform(change, draw);
      for (let j = 0; j < width; j++) change[j] = 2 * change[j]! - 1;
    }
    const length =
      norm === "linf"
        ? 1
        : norm === "l2"
          ? Math.hypot(...change)
          : change.reduce((sum, each) => sum + Math.abs(each), 0);
    for (let j = 0; j < width; j++) {
      const value = x.data[sample * width + j]! + (epsilon * change[j]!) / Math.max(length, 1);
      data[i * width + j] = Math.min(1, Math.max(0, value));
    }
  }
  return tensor([x.shape[0]! * POINTS, ...x.shape.slice(1)], data);
}

describe.each(networks)("$name", ({ model, shape }) => {
  test.each(methods)("%s bounds hold at 1,080 random points and corners of each of three radii", async (method) => {
    const classifier = await openClassifier(model, { bounds });
    const x = pointsOf(shape, SAMPLES);
    for (const norm of ["linf", "l2", "l1"] as const) {
      const verifier = await openVerifier(model, { method, norm, bounds, threads: 1 });
      for (const epsilon of [0, 0.05, 0.6]) {
        const { lower, upper } = await verifier.logits(x, { epsilon });
        const { data } = await classifier.logits(insideBalls(x, epsilon, norm));
        const outside = data.reduce((most, logit, i) => {
          const at = Math.floor(i / (POINTS * 4)) * 4 + (i % 4);
          return Math.max(most, lower.data[at]! - logit, logit - upper.data[at]!);
        }, -Infinity);
        expect(outside).toBeLessThanOrEqual(0);
        if (epsilon === 0) expect(Math.max(...upper.data.map((each, i) => each - lower.data[i]!))).toBeLessThan(5e-3);
      }
      await verifier.dispose();
    }
    await classifier.dispose();
  });
});

test.each(networks)(
  "slopes that climb never fall below CROWN, nor above what points show: $name",
  async ({ model, shape }) => {
    const classifier = await openClassifier(model, { bounds });
    const x = pointsOf(shape, SAMPLES);
    const labels = new Int32Array(SAMPLES); // class 0 for all, so that hardly any is certified and slopes have to climb
    const ball = { epsilon: 0.15 };
    const margins = async (method: BoundMethod) => {
      const verifier = await openVerifier(model, { method, norm: "linf", bounds, threads: 1 });
      const { data } = await verifier.margins(x, labels, ball);
      await verifier.dispose();
      return data;
    };
    const [crown, climbed] = [await margins("crown"), await margins("alpha-crown")];
    const { data } = await classifier.logits(insideBalls(x, ball.epsilon, "linf"));
    await classifier.dispose();
    for (const [index, margin] of climbed.entries()) {
      const [sample, other] = [Math.floor(index / 3), 1 + (index % 3)];
      const seen = Array.from({ length: POINTS }, (_, point) => {
        const row = 4 * (sample * POINTS + point);
        return data[row]! - data[row + other]!;
      });
      expect(margin).toBeGreaterThanOrEqual(crown[index]!);
      expect(margin).toBeLessThanOrEqual(Math.min(...seen));
    }
  },
);

const attacks: readonly Attack[] = [
  fgsm(),
  pgd({ steps: 10 }),
  apgdCe({ steps: 10 }),
  apgdDlr({ steps: 10 }),
  square({ queries: 60 }),
];

test.each([
  ["linf", linf],
  ["l2", l2],
  ["l1", l1],
] as const)("no attack breaks what is certified in %s", async (norm, threat) => {
  let certified = 0;
  for (const { model, shape } of networks) {
    const classifier = await openClassifier(model, { bounds });
    const verifier = await openVerifier(model, { method: "alpha-crown", norm, bounds, threads: 1 });
    const x = pointsOf(shape, 12);
    const { data } = await classifier.logits(x);
    const labels = Int32Array.from({ length: 12 }, (_, i) => {
      const scores = data.subarray(4 * i, 4 * i + 4);
      return scores.indexOf(Math.max(...scores));
    });
    const epsilon = norm === "linf" ? 0.03 : 0.06;
    const margins = await verifier.margins(x, labels, { epsilon });
    const isCertified = Array.from(
      { length: 12 },
      (_, i) => Math.min(...margins.data.subarray(3 * i, 3 * i + 3)) > 1e-5,
    );
    for (const attack of attacks) {
      if (!attack.norms.includes(norm) || attack.obstacle?.({ inputShape: shape }, threat(epsilon))) continue;
      const { samples } = await run(classifier, x, labels, threat(epsilon), { attack });
      for (const [i, { status }] of samples.entries()) if (isCertified[i]) expect(status).toBe("robust");
    }
    certified += isCertified.filter(Boolean).length;
    await verifier.dispose();
    await classifier.dispose();
  }
  expect(certified).toBeGreaterThan(20);
});
