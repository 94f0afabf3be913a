import { readFileSync } from "node:fs";
import { type Tensor, tensor } from "@casemate/tensor";
import { expect, test } from "vitest";
import {
  adamPgd,
  jitter,
  l2,
  linf,
  nesterov,
  run,
  scaleInvariant,
  transferAttack,
  translationInvariant,
  varianceTuning,
} from "../../src/index.ts";
import { predictions, twoLayers } from "../classifiers.ts";

/** Changes of one sample in units of epsilon, after five steps of torchattacks 3.5.1 and Foolbox 3.3.4 under PyTorch. */
const vectors: Record<string, number[]> = JSON.parse(
  readFileSync(new URL("../vectors/climbs.json", import.meta.url), "utf8"),
);

/** Weights that any language can compute. */
const numbers = (length: number, each: (i: number) => number) => Array.from({ length }, (_, i) => each(i));
const model = twoLayers(
  [3, 5, 5],
  numbers(10, (h) => h).map((h) => numbers(75, (j) => Math.sin(1.7 * h + 0.9 * j + 0.37 * h * j))),
  numbers(3, (k) => k).map((k) => numbers(10, (h) => 0.4 * Math.cos(2.3 * k + 1.1 * h + 0.7 * k * h))),
);
const x = tensor(
  [1, 3, 5, 5],
  Float32Array.from({ length: 75 }, (_, j) => 0.5 + 0.3 * Math.sin(0.5 * j)),
);

const still = varianceTuning({ neighbours: 2, range: 0 }); // its neighbours are the point itself, and nothing is random
const transfer = (...transforms: ReturnType<typeof nesterov>[]) => transferAttack({ steps: 5, transforms });
const adam = adamPgd({ steps: 5, stepSize: 0.1, randomStart: false });

test.each([
  ["MI", transfer(), linf(0.1)],
  ["NI", transfer(nesterov()), linf(0.1)],
  ["SI", transfer(nesterov(), scaleInvariant({ copies: 3 })), linf(0.1)],
  ["TI", transfer(translationInvariant({ size: 7 })), linf(0.1)],
  ["VNI", transfer(nesterov(), still), linf(0.1)],
  ["jitter", jitter({ steps: 5, stepSize: 0.2, scale: 2, deviation: 0, randomStart: false }), linf(0.001)],
  ["adam-linf", adam, linf(0.1)],
  ["adam-l2", adam, l2(0.5)],
] as const)("%s goes where the peers go", async (name, attack, threat) => {
  const seen: Float32Array[] = [];
  const watched = {
    ...model,
    logits(batch: Tensor) {
      seen.push(batch.data.slice());
      return model.logits(batch);
    },
  };
  const labels = predictions(await model.logits(x));
  await run(watched, x, labels, threat, { attack, activeSet: false });
  const expected = vectors[name]!;
  const off = seen.map((point) =>
    Math.max(...expected.map((change, j) => Math.abs((point[j]! - x.data[j]!) / (threat.epsilon as number) - change))),
  );
  expect(Math.min(...off)).toBeLessThan(2e-3);
});
