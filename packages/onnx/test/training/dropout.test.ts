import { tensor } from "@casemate/tensor";
import { expect, test } from "vitest";
import type { LossSubgraph } from "../../src/differentiate.ts";
import { openTrainer, type TrainerOptions } from "../../src/index.ts";
import { tinyModel, wave } from "../tiny-model.ts";

const ratio = 0.25;
const width = 64;
const rows = 32;

/** y = dropout(x) W, of which the loss takes the only number of a row. */
const model = tinyModel([undefined, width], (graph, x) => {
  const share = graph.constant(tensor([], Float32Array.of(ratio)));
  const weight = graph.constant(wave([width, 1]));
  return graph.MatMul(graph.op("Dropout", [x, share]), weight);
});
const [weightName] = [...model.graph.initializers].find(([, { shape }]) => shape[0] === width)!;
const loss: LossSubgraph = (graph, y) => graph.ReduceSum(y, [1], 0);
const feeds = { x: tensor([rows, width], new Float32Array(rows * width).fill(1)) };

/** The gradient of W before any step and after one step: sums of the masks over the rows. */
async function gradients(options: Partial<TrainerOptions>): Promise<[Float32Array, Float32Array]> {
  const trainer = await openTrainer(model, { loss, optimizer: { type: "sgd" }, threads: 1, ...options });
  try {
    const before = (await trainer.gradients(feeds)).get(weightName)!.data;
    await trainer.step(feeds, 0.1);
    return [before, (await trainer.gradients(feeds)).get(weightName)!.data];
  } finally {
    await trainer.dispose();
  }
}

test("dropout keeps a share of 1 - ratio, scaled so that the mean stays", async () => {
  const [gradient] = await gradients({ seed: 3 });
  const kept = gradient.map((each) => each * rows * (1 - ratio));
  for (const count of kept) expect(Math.abs(count - Math.round(count))).toBeLessThan(1e-4);
  const total = kept.reduce((sum, count) => sum + count, 0);
  const mean = rows * width * (1 - ratio);
  expect(Math.abs(total - mean)).toBeLessThan(5 * Math.sqrt(mean * ratio)); // five binomial deviations
});

test("dropout draws the same for a seed, and otherwise for another seed or step", async () => {
  const [first, later] = await gradients({ seed: 3 });
  expect(await gradients({ seed: 3 })).toEqual([first, later]);
  expect(later).not.toEqual(first);
  expect((await gradients({ seed: 4 }))[0]).not.toEqual(first);
});

test("dropout does nothing out of training", async () => {
  const [gradient] = await gradients({ isTraining: false });
  for (const each of gradient) expect(each).toBeCloseTo(1, 6);
});
