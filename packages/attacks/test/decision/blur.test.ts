import { tensor } from "@casemate/tensor";
import { describe, expect, test } from "vitest";
import { boxBlur, gaussianBlur, inversion, l2, linf, motionBlur, run } from "../../src/index.ts";
import { linear } from "../classifiers.ts";
import { describeAttack } from "../describe-attack.ts";

const wide = { linf: 0.7, l2: 2, l1: 10 };
describeAttack({ attack: gaussianBlur({ steps: 10 }), epsilons: wide });
describeAttack({ attack: boxBlur({ steps: 10 }), epsilons: wide });
describeAttack({ attack: motionBlur({ steps: 10 }), epsilons: wide });
describeAttack({ attack: inversion(), epsilons: wide });

// Class 0 while the pixel in the middle of a 5×7 image is brighter than 0.4.
const middle = Array.from({ length: 35 }, (_, j) => (j === 17 ? 1 : 0));
const spot = { ...linear([middle, middle.map(() => 0)], [0, 0.4]), inputShape: [5, 7] };
const dot = tensor([1, 5, 7], Float32Array.from(middle));

describe("a dot", () => {
  test("falls to a Gaussian as its peak does", async () => {
    const { samples } = await run(spot, dot, [0], linf(1), { attack: gaussianBlur(), activeSet: false });
    const found = samples[0]!.adversarial!;
    expect(found[17]).toBeCloseTo(0.4, 3);
    // The kernel is a product, so pixels beside it are r times the peak and diagonal ones r².
    const ratio = found[18]! / found[17]!;
    expect(found[10]! / found[17]!).toBeCloseTo(ratio, 4);
    expect(found[11]! / found[17]!).toBeCloseTo(ratio ** 2, 4);
    expect(found.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 5);
  });

  test("falls to a box as soon as that covers enough", async () => {
    const { samples } = await run(spot, dot, [0], linf(1), { attack: boxBlur(), activeSet: false });
    const found = samples[0]!.adversarial!;
    // Weights s, 1, s along each side: 1 / (1 + 2 s)² = 0.4.
    expect(found[18]).toBeCloseTo((0.4 * (Math.sqrt(1 / 0.4) - 1)) / 2, 3);
    expect(found[19]).toBe(0);
  });

  test("stays in its row under motion", async () => {
    const { samples } = await run(spot, dot, [0], linf(1), { attack: motionBlur(), activeSet: false });
    const found = samples[0]!.adversarial!;
    expect(found[18]).toBeCloseTo(0.3, 3);
    expect(found[10]).toBe(0);
    expect(found[24]).toBe(0);
  });

  test("is the same in an image that keeps its channels last", async () => {
    const channels = [0, 1, 2].map((channel) => Array.from({ length: 105 }, (_, i) => (i === 51 + channel ? 1 : 0)));
    const weights = channels[0]!.map((_, i) => channels.reduce((sum, each) => sum + each[i]!, 0));
    const model = {
      ...linear([weights, weights.map(() => 0)], [0, 1.2]),
      inputShape: [5, 7, 3],
      layout: "channels-last",
    } as const;
    const image = tensor([1, 5, 7, 3], Float32Array.from(weights));
    const { samples } = await run(model, image, [0], linf(1), { attack: gaussianBlur(), activeSet: false });
    const single = await run(spot, dot, [0], linf(1), { attack: gaussianBlur(), activeSet: false });
    for (let i = 0; i < 105; i++) {
      expect(samples[0]!.adversarial![i]).toBeCloseTo(single.samples[0]!.adversarial![Math.floor(i / 3)]!, 5);
    }
  });
});

test("blur refuses what is no image", async () => {
  const flat = linear([middle, middle.map(() => 0)], [0, 0.4]);
  const running = run(flat, tensor([1, 35]), [1], linf(1), { attack: gaussianBlur() });
  await expect(running).rejects.toThrow("Gaussian blur: expected images, got inputs of [35]");
});

test("inversion asks once, for the negative", async () => {
  const { samples } = await run(spot, dot, [0], l2(Infinity), { attack: inversion(), activeSet: false });
  expect(samples[0]).toMatchObject({ status: "broken", forward: 3 });
  expect([...samples[0]!.adversarial!]).toEqual(middle.map((value) => 1 - value));
});
