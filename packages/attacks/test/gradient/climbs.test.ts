import { tensor } from "@casemate/tensor";
import { describe, expect, test } from "vitest";
import {
  type Attack,
  adamPgd,
  apgdCe,
  apgdDlr,
  autoConjugateGradient,
  jitter,
  klPgd,
  l1,
  l2,
  linf,
  run,
  sparseL1Descent,
  virtualAdversarial,
} from "../../src/index.ts";
import { linear, predictions, randomLinear, samplesFor } from "../classifiers.ts";
import { describeAttack } from "../describe-attack.ts";
import { openDigits, readDigits } from "../digits.ts";

describeAttack({ attack: adamPgd({ steps: 5, stepSize: 0.3 }) });
describeAttack({ attack: jitter({ steps: 5, stepSize: 0.4 }) });
describeAttack({ attack: klPgd({ steps: 5, stepSize: 0.4 }) });
describeAttack({ attack: autoConjugateGradient({ steps: 10 }) });
describeAttack({ attack: sparseL1Descent({ steps: 5 }) });
describeAttack({ attack: virtualAdversarial({ steps: 3 }) });

/** Two classes told apart by w · x: a sample with margin m falls in a ball of radius r as soon as r · |w| dual exceeds m. */
const weights = [0.6, -0.8, 0.1, 0, 0.3, -0.2];
const model = linear([weights, weights.map((w) => -w)], [0, 0], { lower: -10, upper: 10 });
/** A sample whose class falls exactly at this distance in the norm whose dual norm of w is given. */
const at = (distance: number, dual: number) => {
  const length = weights.reduce((sum, w) => sum + w * w, 0);
  return Float32Array.from(weights, (w) => (distance * dual * w) / length);
};
const duals = { linf: 2, l2: Math.hypot(...weights), l1: 0.8 };

describe.each([
  ["linf", linf, [adamPgd({ steps: 100, stepSize: 0.1 }), klPgd(), autoConjugateGradient()]],
  ["l2", l2, [klPgd(), autoConjugateGradient(), virtualAdversarial()]],
  ["l1", l1, [sparseL1Descent({ quantile: 0.8 })]],
] as const)("a linear model in %s", (norm, threat, attacks) => {
  test.each(attacks.map((attack) => ({ attack, name: attack.name })))(
    "falls to $name just inside of its distance to the boundary, and not outside",
    async ({ attack }) => {
      const x = tensor([2, 6], Float32Array.from([...at(0.98, duals[norm]), ...at(1.02, duals[norm])]));
      const { samples } = await run(model, x, [0, 0], threat(1), { attack });
      expect(samples.map(({ status }) => status)).toEqual(["broken", "robust"]);
    },
  );
});

test("Adam takes its first step at full length on every feature that has a slope", async () => {
  const x = tensor([1, 6]);
  x.data.set(at(5, duals.linf));
  const attack = adamPgd({ steps: 1, stepSize: 0.25, randomStart: false });
  const seen: Float32Array[] = [];
  const watched = {
    ...model,
    logits(batch: typeof x) {
      seen.push(batch.data.slice());
      return model.logits(batch);
    },
  };
  await run(watched, x, [0], linf(1), { attack });
  const change = seen.at(-1)!.map((value, j) => value - x.data[j]!);
  expect([...change].map((each) => Math.round(each * 1e4) / 1e4)).toEqual([-0.25, 0.25, -0.25, 0, -0.25, 0.25]);
});

test.each([klPgd(), virtualAdversarial()])("$name, which only leaves a class, refuses targets", async (attack) => {
  const x = tensor([1, 6]);
  x.data.set(at(5, duals.l2));
  const running = run(model, x, [0], l2(1), { attack, criterion: { type: "targeted", targets: [1] } });
  await expect(running).rejects.toThrow(/expected misclassification as the criterion/);
});

test("Jitter breaks a sample just inside of its distance to the boundary, and not outside", async () => {
  const offset = linear([weights, weights.map(() => 0)], [5, 5], { lower: -10, upper: 10 });
  const x = tensor([2, 6], Float32Array.from([...at(0.98, duals.linf), ...at(1.02, duals.linf)]));
  const { samples } = await run(offset, x, [0, 0], linf(1), { attack: jitter() });
  expect(samples.map(({ status }) => status)).toEqual(["broken", "robust"]);
});

test("Jitter does not depend on the scale of the logits", async () => {
  const plain = randomLinear([40], 10, 5);
  const [samples, labels] = await samplesFor(plain, 10, 5);
  const enlarge = (values: typeof samples) => ({ ...values, data: values.data.map((value) => 4096 * value) });
  const large: typeof plain = {
    ...plain,
    logits: async (x) => enlarge(await plain.logits(x)),
    async lossGradient(...given) {
      const result = await plain.lossGradient(...given);
      return { ...result, logits: enlarge(result.logits), gradient: enlarge(result.gradient) };
    },
  };
  const [one, other] = await Promise.all(
    [plain, large].map((each) => run(each, samples, labels, linf(0.05), { attack: jitter({ steps: 10 }) })),
  );
  expect(other!.curve[0]!.broken).toBeGreaterThan(0);
  expect(other!.samples.map(({ adversarial }) => adversarial)).toEqual(
    one!.samples.map(({ adversarial }) => adversarial),
  );
});

test("the virtual adversarial direction is that of steepest curvature: along w, not where the noise began", async () => {
  const x = tensor([1, 6], at(0.5, duals.l2));
  const { samples } = await run(model, x, [0], l2(1), { attack: virtualAdversarial({ steps: 2 }) });
  const change = samples[0]!.adversarial!.map((value, j) => value - x.data[j]!);
  const cosine = change.reduce((sum, each, j) => sum + each * weights[j]!, 0) / (Math.hypot(...change) * duals.l2);
  expect(Math.abs(cosine)).toBeCloseTo(1, 3);
});

test("conjugate directions break all samples of ten linear classes that can be broken", async () => {
  const ridge = randomLinear([40], 10, 5);
  const [samples, labels] = await samplesFor(ridge, 20, 5);
  const { curve } = await run(ridge, samples, labels, linf(0.05), { attack: autoConjugateGradient({ steps: 20 }) });
  const exact = await brokenByGeometry(ridge, samples, labels, 0.05);
  expect(curve[0]!.broken).toBe(exact);
});

test("conjugate directions break as many robust digits as APGD does on the same loss", async () => {
  const { x, labels } = await readDigits();
  const digits = await openDigits("mnist-robust");
  const part = tensor([40, 1, 28, 28], x.data.slice(0, 40 * 784));
  const brokenBy = async (attack: Attack) =>
    (await run(digits, part, labels.slice(0, 40), linf(0.33), { attack })).curve[0]!.broken;
  for (const loss of ["margin", "cross-entropy"] as const) {
    const same = loss === "margin" ? apgdDlr({ steps: 50 }) : apgdCe({ steps: 50 });
    expect(await brokenBy(autoConjugateGradient({ steps: 50, loss }))).toBeGreaterThanOrEqual(await brokenBy(same));
  }
  await digits.dispose();
});

test("conjugate directions begin in the middle of the ball and the bounds, and then at random points", async () => {
  const x = tensor([1, 6], Float32Array.of(9.9, -10, 0, 3, 4, 5));
  const starts: Float32Array[] = [];
  const watched = {
    ...model,
    lossGradient(batch: typeof x, ...rest: [Int32Array, "margin"]) {
      starts.push(batch.data.slice());
      return model.lossGradient(batch, ...rest);
    },
  };
  const label = predictions(await model.logits(x));
  await run(watched, x, label, linf(1), { attack: autoConjugateGradient({ steps: 1, restarts: 1 }) });
  const round = (point: Float32Array) => [...point].map((value) => Math.round(value * 1e4) / 1e4);
  expect(round(starts[0]!)).toEqual([9.45, -9.5, 0, 3, 4, 5]);
  expect(round(starts[1]!)).not.toEqual(round(starts[0]!));
});

/** How many samples of a linear model fall within epsilon in Linf: for each other class the best corner of the box decides. */
async function brokenByGeometry(
  classifier: typeof model,
  { data }: { readonly data: Float32Array },
  labels: readonly number[],
  epsilon: number,
): Promise<number> {
  const features = data.length / labels.length;
  let broken = 0;
  for (const [row, label] of labels.entries()) {
    const x = data.slice(row * features, (row + 1) * features);
    const falls = await Promise.all(
      Array.from({ length: classifier.classes }, async (_, k) => {
        if (k === label) return false;
        const batch = tensor([1, features], x);
        const { gradient } = await classifier.lossGradient(batch, Int32Array.of(label), "difference", {
          targets: Int32Array.of(k),
        });
        const corner = x.map((value, j) => Math.min(1, Math.max(0, value + epsilon * Math.sign(gradient.data[j]!))));
        const { loss } = await classifier.lossGradient(
          tensor([1, features], corner),
          Int32Array.of(label),
          "difference",
          {
            targets: Int32Array.of(k),
          },
        );
        return loss[0]! > 0;
      }),
    );
    if (falls.some((fall) => fall)) broken++;
  }
  return broken;
}
