import type { Shape } from "@casemate/tensor";
import { expect, test } from "vitest";
import { differentiate } from "../../src/differentiate.ts";
import { float, type GraphBuilder } from "../../src/graph-builder.ts";
import type { Value } from "../../src/value.ts";
import { runOnce, tinyModel } from "../tiny-model.ts";
import { checkRules, expectClose, floats, numbersOf, type RuleCheck, uniform } from "./harness.ts";

type Numbers = readonly number[];

const average = (numbers: Numbers): number => numbers.reduce((sum, each) => sum + each, 0) / numbers.length;

/** Gives each number of a tensor the name of the set it is normalised in, and maps set by set. */
function bySet(
  x: Numbers,
  shape: Shape,
  setOf: (index: readonly number[]) => string,
  change: (set: Numbers) => Numbers,
) {
  const sets = new Map<string, number[]>();
  for (let flat = 0; flat < x.length; flat++) {
    const name = setOf(indexOf(flat, shape));
    sets.set(name, [...(sets.get(name) ?? []), flat]);
  }
  const y = new Array<number>(x.length).fill(0);
  for (const places of sets.values()) {
    change(places.map((place) => x[place]!)).forEach((each, index) => {
      y[places[index]!] = each;
    });
  }
  return y;
}

function indexOf(flat: number, shape: Shape): number[] {
  let rest = flat;
  return [...shape]
    .reverse()
    .map((size) => {
      const index = rest % size;
      rest = Math.floor(rest / size);
      return index;
    })
    .reverse();
}

const standard =
  (epsilon: number) =>
  (set: Numbers): Numbers => {
    const center = average(set);
    const variance = average(set.map((each) => (each - center) ** 2));
    return set.map((each) => (each - center) / Math.sqrt(variance + epsilon));
  };

const channelOf = (flat: number, shape: Shape): number => indexOf(flat, shape)[1]!;

/** scale · normalised + bias, per channel. */
function perChannel(y: Numbers, shape: Shape, scale: Numbers, bias: Numbers): number[] {
  return y.map((each, flat) => each * scale[channelOf(flat, shape)]! + bias[channelOf(flat, shape)]!);
}

const weights = (shape: Shape) => [uniform(shape, { seed: 2 }), uniform(shape, { seed: 3 })];
const epsilon = float(0.01);

const batchNormalization = (shape: Shape, free: RuleCheck["free"]): RuleCheck => {
  const list = [shape[1]!];
  const moments = [uniform(list, { seed: 4 }), uniform(list, { low: 0.5, high: 2, seed: 5 })];
  return {
    op: "BatchNormalization",
    inputs: [uniform(shape), ...weights(list), ...moments],
    attributes: { epsilon },
    free,
  };
};

checkRules([
  batchNormalization([2, 3, 4, 2], [[0, 2, 3]]),
  batchNormalization([2, 3], [[0]]),
  batchNormalization([2, 3, 5], [[0]]),
]);

test("batch normalisation in training mode is refused, since it mixes samples", async () => {
  const model = tinyModel(["batch", 3], (graph, x) => {
    const lists = [1, 2, 3, 4].map((seed) => graph.constant(uniform([3], { low: 0.5, seed })));
    return graph.ops("BatchNormalization", [x, ...lists], 3, { attributes: { training_mode: 1 } })[0]!;
  });
  await expect(differentiate(model, { wrt: ["x"], loss: (graph, y) => graph.ReduceSum(y, [1], 0) })).rejects.toThrow(
    /BatchNormalization .*: expected inference, got training mode/,
  );
});

const instanceNormalization = (shape: Shape, free: RuleCheck["free"]): RuleCheck => ({
  op: "InstanceNormalization",
  inputs: [uniform(shape), ...weights([shape[1]!])],
  attributes: { epsilon },
  free,
  reference: ([x = [], scale = [], bias = []]) =>
    perChannel(
      bySet(x, shape, ([sample, channel]) => `${sample} ${channel}`, standard(0.01)),
      shape,
      scale,
      bias,
    ),
});

checkRules([
  instanceNormalization([2, 3, 4, 3], [[0]]),
  instanceNormalization([2, 3, 5], [[0, 2]]),
  instanceNormalization([2, 3, 2, 2, 3], [[0, 2, 3, 4]]),
]);

/** Mean and 1 / deviation as outputs are float32 always, so that nothing can be compared in float64. */
const withMoments = (through: readonly number[]): RuleCheck => ({
  op: "LayerNormalization",
  inputs: [uniform([2, 3, 4]), ...weights([4])],
  attributes: { axis: -1, epsilon },
  outputs: 3,
  through,
  wrt: through.length === 3 ? undefined : [0],
  free: [[0]],
  name: `outputs ${through} in the loss`,
  reference: ([x = [], scale = [], bias = []]) => {
    const rows = Array.from({ length: 6 }, (_, row) => x.slice(4 * row, 4 * row + 4));
    const means = rows.map(average);
    const inverses = rows.map(
      (row, index) => 1 / Math.sqrt(average(row.map((each) => (each - means[index]!) ** 2)) + 0.01),
    );
    const y = rows.flatMap((row, index) =>
      row.map((each, place) => (each - means[index]!) * inverses[index]! * scale[place]! + bias[place]!),
    );
    return through.flatMap((output) => [y, means, inverses][output]!);
  },
});

const layerNormalization = (
  shape: Shape,
  axis: number,
  { bias = true, ...rest }: Partial<RuleCheck> & { bias?: boolean } = {},
): RuleCheck => ({
  op: "LayerNormalization",
  inputs: [uniform(shape), ...weights(shape.slice(axis)).slice(0, bias ? 2 : 1)],
  attributes: { axis, epsilon },
  ...rest,
});

checkRules([
  layerNormalization([2, 3, 4], -1, { free: [[0, 1]] }),
  layerNormalization([2, 3, 4], 1, { free: [[0]] }),
  layerNormalization([2, 3, 4], 1, { bias: false, free: [[0]] }),
  layerNormalization([2, 3, 4], 0),
  withMoments([0, 1, 2]),
  withMoments([1]),
  withMoments([2]),
]);

const groupNormalization = (shape: Shape, groups: number, opset: number, free: RuleCheck["free"]): RuleCheck => {
  const perGroup = opset < 21;
  const size = shape[1]! / groups;
  return {
    op: "GroupNormalization",
    inputs: [uniform(shape), ...weights([perGroup ? groups : shape[1]!])],
    attributes: { num_groups: groups, epsilon },
    opset: perGroup ? [18, 20] : [21, 26],
    free,
    reference: ([x = [], scale = [], bias = []]) => {
      const y = bySet(x, shape, ([sample, channel]) => `${sample} ${Math.floor(channel! / size)}`, standard(0.01));
      const each = (list: Numbers) => (perGroup ? list.flatMap((one) => new Array<number>(size).fill(one)) : list);
      return perChannel(y, shape, each(scale), each(bias));
    },
  };
};

checkRules([
  groupNormalization([2, 4, 3, 2], 2, 18, [[0]]),
  groupNormalization([2, 4, 3, 2], 2, 21, [[0, 2, 3]]),
  groupNormalization([2, 6, 5], 3, 21, [[0]]),
  groupNormalization([2, 4, 5], 4, 21, [[0]]),
  groupNormalization([2, 4, 5], 1, 20, [[0]]),
]);

const rootMeanSquare = (shape: Shape, axis: number, free: RuleCheck["free"]): RuleCheck => ({
  op: "RMSNormalization",
  inputs: [uniform(shape), uniform(shape.slice(axis), { seed: 2 })],
  attributes: { axis, epsilon },
  opset: [23, 26],
  free,
});

checkRules([
  rootMeanSquare([2, 3, 4], -1, [[0, 1]]),
  rootMeanSquare([2, 3, 4], 1, [[0]]),
  rootMeanSquare([2, 3, 4], -2, [[0]]),
]);

const localResponse = (shape: Shape, size: number, free: RuleCheck["free"]): RuleCheck => ({
  op: "LRN",
  inputs: [uniform(shape)],
  attributes: { size, alpha: float(0.5), beta: float(0.6), bias: float(1.5) },
  free,
  reference: ([x = []]) => {
    const plane = shape.slice(2).reduce((product, each) => product * each, 1);
    return x.map((each, flat) => {
      const channel = channelOf(flat, shape);
      let sum = 0;
      for (let other = channel - Math.floor((size - 1) / 2); other <= channel + Math.ceil((size - 1) / 2); other++) {
        sum += other >= 0 && other < shape[1]! ? x[flat + (other - channel) * plane]! ** 2 : 0;
      }
      return each / (1.5 + (0.5 / size) * sum) ** 0.6;
    });
  },
});

checkRules([
  localResponse([2, 5, 3, 2], 3, [[0]]),
  localResponse([2, 6, 3, 3], 1, [[0, 2, 3]]),
  localResponse([1, 3, 4, 2], 5, [[0]]),
]);

const away = { kinks: [0] };

const lpNormalization = (shape: Shape, attributes: { axis?: number; p?: number }): RuleCheck => ({
  op: "LpNormalization",
  inputs: [uniform(shape, away)],
  attributes,
  free: [[0]],
  opset: [18, 21],
});

checkRules([
  lpNormalization([2, 3, 4], {}),
  lpNormalization([2, 3, 4], { axis: 1, p: 1 }),
  lpNormalization([2, 3, 4], { axis: 1, p: 2 }),
  lpNormalization([3, 4], { axis: -1, p: 1 }),
]);

test("a row of zeros, which LpNormalization leaves as it is, gets no gradient", async () => {
  const model = tinyModel(["batch", 2], (graph, x) => graph.op("LpNormalization", [x]));
  const loss = (graph: GraphBuilder, y: Value) => graph.ReduceSum(y, [1], 0);
  const results = await runOnce(await differentiate(model, { wrt: ["x"], loss }), { x: floats([2, 2], [0, 0, 3, 4]) });
  expectClose(numbersOf(results["gradient/x"]!), [0, 0, 0.032, -0.024], 1e-6, "gradient");
});

const meanVariance = (shape: Shape, axes: readonly number[] | undefined, free: RuleCheck["free"]): RuleCheck => ({
  op: "MeanVarianceNormalization",
  inputs: [uniform(shape)],
  attributes: axes ? { axes } : {},
  free,
  reference: ([x = []]) =>
    bySet(x, shape, (index) => index.filter((_, axis) => !(axes ?? [0, 2, 3]).includes(axis)).join(), standard(0)),
});

checkRules([
  meanVariance([2, 3, 3, 2], undefined, [[0]]),
  meanVariance([2, 3, 3, 2], [2, 3], [[0, 2, 3]]),
  meanVariance([2, 3, 3, 2], [1, 2, 3], [[0]]),
]);
