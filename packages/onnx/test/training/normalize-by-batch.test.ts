import { type Tensor, tensor } from "@casemate/tensor";
import { expect, onTestFinished, test } from "vitest";
import type { LossSubgraph } from "../../src/differentiate.ts";
import { openTrainer } from "../../src/index.ts";
import { tinyModel, wave } from "../tiny-model.ts";

const [rows, channels, places] = [4, 3, 5];
const epsilon = 1e-5;
const x = wave([rows, channels, places]);
const factors = wave([channels, places], 2).data;

const model = tinyModel(["batch", channels, places], (graph, input) => {
  const [scale, bias, mean, variance] = [3, 4, 5, 6].map((phase) => graph.constant(wave([channels], phase)));
  return graph.op("BatchNormalization", [input, scale, bias, mean, variance]);
});

/** Σ factor · y² of each row, which the statistics of the batch bind to all others. */
const loss: LossSubgraph = (graph, y) => {
  const factor = graph.constant(tensor([channels, places], factors));
  return graph.ReduceSum(graph.Mul(graph.Mul(y, y), factor), [1, 2], 0);
};

/** The same, summed over the rows, in float64. */
function summedLoss(numbers: ArrayLike<number>): number {
  let sum = 0;
  for (let channel = 0; channel < channels; channel++) {
    const at = (row: number, place: number) => numbers[(row * channels + channel) * places + place]!;
    const each = Array.from({ length: rows * places }, (_, i) => at(Math.floor(i / places), i % places));
    const mean = each.reduce((total, one) => total + one, 0) / each.length;
    const variance = each.reduce((total, one) => total + (one - mean) ** 2, 0) / each.length;
    const [scale, bias] = [wave([channels], 3).data[channel]!, wave([channels], 4).data[channel]!];
    for (const [i, one] of each.entries()) {
      const y = ((one - mean) / Math.sqrt(variance + epsilon)) * scale + bias;
      sum += factors[channel * places + (i % places)]! * y * y;
    }
  }
  return sum;
}

test("the gradient goes through the statistics of the batch, as central differences do", async () => {
  const trainer = await openTrainer(model, { loss, optimizer: { type: "sgd" }, wrt: ["x"], threads: 1 });
  onTestFinished(() => trainer.dispose());
  const { gradients, loss: losses } = await trainer.step({ x }, 0);
  const numbers = Float64Array.from(x.data);
  expect(losses.reduce((sum, each) => sum + each, 0)).toBeCloseTo(summedLoss(numbers), 4);
  const gradient = (gradients.get("x") as Tensor).data;
  const h = 1e-5;
  for (const [i, each] of numbers.entries()) {
    const slope = (summedLoss(numbers.with(i, each + h)) - summedLoss(numbers.with(i, each - h))) / (2 * h);
    expect(gradient[i]).toBeCloseTo(slope, 3);
  }
});
