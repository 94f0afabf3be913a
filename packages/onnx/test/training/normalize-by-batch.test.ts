import { type Tensor, tensor } from "@casemate/tensor";
import { expect, onTestFinished, test } from "vitest";
import type { LossSubgraph } from "../../src/differentiate.ts";
import { openTrainer } from "../../src/index.ts";
import { tinyModel, wave } from "../tiny-model.ts";

const [rows, channels] = [4, 3];
const epsilon = 1e-5;
const start = { scale: wave([channels], 3), bias: wave([channels], 4) };

function modelOf(sizes: readonly number[]) {
  return tinyModel(["batch", channels, ...sizes], (graph, input) => {
    const [mean, variance] = [5, 6].map((phase) => graph.constant(wave([channels], phase)));
    const [scale, bias] = [graph.constant(start.scale), graph.constant(start.bias)];
    return graph.op("BatchNormalization", [input, scale, bias, mean, variance]);
  });
}

/** Σ factor · y² of each row, which the statistics of the batch bind to all others. */
function lossOf(sizes: readonly number[], factors: Float32Array): LossSubgraph {
  return (graph, y) => {
    const factor = graph.constant(tensor([channels, ...sizes], factors));
    const axes = [1, ...sizes.map((_, index) => index + 2)];
    return graph.ReduceSum(graph.Mul(graph.Mul(y, y), factor), axes, 0);
  };
}

/** The same, summed over the rows, in float64. */
function summedLoss(
  numbers: ArrayLike<number>,
  factors: Float32Array,
  scales: ArrayLike<number>,
  biases: ArrayLike<number>,
): number {
  const places = factors.length / channels;
  let sum = 0;
  for (let channel = 0; channel < channels; channel++) {
    const at = (row: number, place: number) => numbers[(row * channels + channel) * places + place]!;
    const each = Array.from({ length: rows * places }, (_, i) => at(Math.floor(i / places), i % places));
    const mean = each.reduce((total, one) => total + one, 0) / each.length;
    const variance = each.reduce((total, one) => total + (one - mean) ** 2, 0) / each.length;
    const [scale, bias] = [scales[channel]!, biases[channel]!];
    for (const [i, one] of each.entries()) {
      const y = ((one - mean) / Math.sqrt(variance + epsilon)) * scale + bias;
      sum += factors[channel * places + (i % places)]! * y * y;
    }
  }
  return sum;
}

test.each([{ sizes: [] }, { sizes: [5] }, { sizes: [3, 4] }])(
  "the gradient goes through the statistics of a batch of [4, 3, $sizes], as central differences do",
  async ({ sizes }) => {
    const x = wave([rows, channels, ...sizes]);
    const factors = wave([channels, ...sizes], 2).data;
    const loss = lossOf(sizes, factors);
    const trainer = await openTrainer(modelOf(sizes), { loss, optimizer: { type: "sgd" }, wrt: ["x"], threads: 1 });
    onTestFinished(() => trainer.dispose());
    const { gradients, loss: losses } = await trainer.step({ x }, 0);
    const ofWeights = [...(await trainer.gradients({ x })).values()];
    const [numbers, scales, biases] = [x, start.scale, start.bias].map(({ data }) => Float64Array.from(data));
    const total = (a = numbers!, b = scales!, c = biases!) => summedLoss(a, factors, b, c);
    const h = 1e-5;
    const slopes = (point: Float64Array<ArrayBuffer>, at: (moved: Float64Array<ArrayBuffer>) => number) =>
      [...point].map((each, i) => (at(point.with(i, each + h)) - at(point.with(i, each - h))) / (2 * h));
    const expectSlopes = (found: Tensor | undefined, expected: readonly number[], share: number) => {
      for (const [i, slope] of expected.entries()) expect(found!.data[i]! * share).toBeCloseTo(slope, 3);
    };
    expect(losses.reduce((sum, each) => sum + each, 0)).toBeCloseTo(total(), 4);
    expectSlopes(
      gradients.get("x"),
      slopes(numbers!, (moved) => total(moved)),
      1,
    );
    expectSlopes(
      ofWeights[0],
      slopes(scales!, (moved) => total(undefined, moved)),
      rows,
    );
    expectSlopes(
      ofWeights[1],
      slopes(biases!, (moved) => total(undefined, undefined, moved)),
      rows,
    );
  },
);
