import { fillNormal, tensor } from "@casemate/tensor";
import { expect, test } from "vitest";
import { type Loss, openClassifier } from "../../src/index.ts";
import { crossEntropyTowards, lossesOf } from "../../src/models/logit-losses.ts";
import { modelOf } from "./onnx-models.ts";

const losses: readonly Loss[] = [
  "cross-entropy",
  "margin",
  "dlr",
  "targeted-cross-entropy",
  "targeted-margin",
  "targeted-dlr",
  "difference",
  "divergence",
  "weighted",
];

test.each(losses)("%s of logits is what its graph computes", async (loss) => {
  const model = await openClassifier(
    modelOf(["N", 5], (graph, x) => graph.Mul(x, graph.scalar(1, x))),
    { bounds: { lower: -9, upper: 9 } },
  );
  const x = tensor([6, 5], fillNormal(new Float32Array(30), { seed: 1, stream: 0, sample: 0, step: 0 }));
  const labels = Int32Array.of(0, 1, 2, 3, 4, 0);
  const targets = Int32Array.of(1, 2, 3, 4, 0, 4);
  const weights = Float32Array.from({ length: 30 }, (_, i) => (i % 5) / 10);
  const feeds = {
    ...(/targeted|difference/.test(loss) && { targets }),
    ...(/divergence|weighted/.test(loss) && { weights }),
  };
  const { loss: expected, logits } = await model.lossGradient(x, labels, loss, feeds);
  const found = lossesOf(loss, logits.data, labels, { targets, weights });
  for (const [row, value] of found.entries()) expect(value).toBeCloseTo(expected[row]!, 5);
  await model.dispose();
});

test("a loss is refused where it has too few classes", () => {
  expect(() => lossesOf("targeted-dlr", new Float32Array(3), [0], { targets: Int32Array.of(1) })).toThrow(
    "targeted-dlr: expected at least 4 classes, got 3",
  );
});

test.each(losses)("%s of logits that are not numbers is none", (loss) => {
  const logits = Float32Array.of(1, 2, Number.NaN, 3);
  const feeds = { targets: Int32Array.of(1), weights: Float32Array.of(0.25, 0.25, 0.25, 0.25) };
  const [value] = lossesOf(loss, logits, [0], feeds);
  expect(Number.isNaN(value)).toBe(loss !== "difference"); // which reads two other logits
});

test("cross-entropy climbs away from the label, or towards the target", () => {
  const logits = Float32Array.of(0, Math.log(3));
  expect(crossEntropyTowards({ label: 1, target: undefined }, logits)).toBeCloseTo(-Math.log(0.75), 6);
  expect(crossEntropyTowards({ label: 1, target: 0 }, logits)).toBeCloseTo(Math.log(0.25), 6);
});
