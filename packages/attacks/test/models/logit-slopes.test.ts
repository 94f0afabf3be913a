import { fillNormal } from "@casemate/tensor";
import { expect, test } from "vitest";
import type { Loss } from "../../src/index.ts";
import { logitSlopes } from "../../src/models/logit-slopes.ts";
import { lossOf } from "../classifiers.ts";

const losses: readonly Loss[] = [
  ...(["cross-entropy", "margin", "dlr", "targeted-cross-entropy", "targeted-margin", "targeted-dlr"] as const),
  ...(["difference", "divergence", "weighted"] as const),
];

test.each(losses)("the slopes of %s are those of the textbook in float64", (loss) => {
  const logits = fillNormal(new Float32Array(40), { seed: 1, stream: 0, sample: 0, step: 0 });
  const labels = Int32Array.of(0, 1, 2, 3, 4, 0, 1, 2);
  const targets = Int32Array.of(1, 2, 3, 4, 0, 2, 3, 4);
  const weights = Float32Array.from({ length: 40 }, (_, i) => [0.4, 0.3, 0, 0.2, 0.1][(i + Math.floor(i / 5)) % 5]!);
  const slopes = logitSlopes(loss, logits, labels, { targets, weights });
  for (let row = 0; row < 8; row++) {
    const of = (values: Float32Array) => values.subarray(row * 5, row * 5 + 5);
    const [, expected] = lossOf(loss, [...of(logits)], labels[row]!, targets[row]!, of(weights));
    for (const [k, slope] of expected.entries()) expect(of(slopes)[k]).toBeCloseTo(slope, 4);
  }
});
