import type { GradientClassifier } from "@casemate/attacks";
import { tensor } from "@casemate/tensor";
import { expect, test } from "vitest";
import { hasDifferentRanges, UnitBox } from "../src/unit-box.ts";

const bounds = { lower: Float32Array.of(-1, 10), upper: Float32Array.of(1, 14) };

test("ranges differ by their width, not by where they lie", () => {
  expect(hasDifferentRanges(bounds, 2)).toBe(true);
  expect(hasDifferentRanges({ lower: Float32Array.of(0, 10), upper: Float32Array.of(4, 14) }, 2)).toBe(false);
  expect(hasDifferentRanges({ lower: 0, upper: 1 }, 784)).toBe(false);
  expect(hasDifferentRanges({ lower: 0, upper: Float32Array.of(1, 2) }, 2)).toBe(true);
});

test("the ends of each range become 0 and 1, and back", () => {
  const box = new UnitBox(bounds, 2);
  const rows = Float32Array.of(-1, 10, 1, 14, 0, 11);
  expect([...box.toUnit(rows)]).toEqual([0, 0, 1, 1, 0.5, 0.25]);
  expect([...box.fromUnit(box.toUnit(rows))]).toEqual([...rows]);
});

test("a gradient in the box is that of the model times the width of each range", async () => {
  // logits (3a + 5b, 0); the loss is the first logit
  const classifier: GradientClassifier = {
    inputShape: [2],
    classes: 2,
    bounds,
    logits: async ({ data }) => tensor([1, 2], Float32Array.of(3 * data[0]! + 5 * data[1]!, 0)),
    lossGradient: async (x) => ({
      logits: await classifier.logits(x),
      loss: Float32Array.of(3 * x.data[0]! + 5 * x.data[1]!),
      gradient: tensor([1, 2], Float32Array.of(3, 5)),
    }),
  };
  const boxed = new UnitBox(bounds, 2).around(classifier);
  const { logits, gradient } = await boxed.lossGradient(
    tensor([1, 2], Float32Array.of(0.5, 0.25)),
    new Int32Array(1),
    "margin",
  );
  expect(boxed.bounds).toEqual({ lower: 0, upper: 1 });
  expect([...logits.data]).toEqual([3 * 0 + 5 * 11, 0]);
  expect([...gradient.data]).toEqual([3 * 2, 5 * 4]);
});
