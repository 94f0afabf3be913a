import type { GraphBuilder, Value } from "@casemate/onnx";
import { type Tensor, takeRows, tensor } from "@casemate/tensor";
import { DefenseError } from "../errors.ts";
import { shuffled } from "../training/shuffle.ts";
import { streams } from "../training/streams.ts";
import type { Detector } from "./detector.ts";
import { runGraph } from "./graph-run.ts";
import { requireNeighbours } from "./nearest-neighbours.ts";
import { squaredDistances } from "./squared-distances.ts";

export interface DeepNeighboursOptions {
  /** How many neighbours in each layer; the authors take 75 among 60,000. */
  readonly neighbours?: number;
  /** Clean samples, drawn by the seed, that are searched; all that the calibration leaves where there are fewer. */
  readonly references?: number;
  /** Others that the credibility is measured against: 750 as the authors have it, or a quarter where there are fewer. */
  readonly calibration?: number;
}

/**
 * Deep k-nearest neighbours (Papernot & McDaniel, 2018, https://arxiv.org/abs/1803.04765): 1 less the credibility, the conformal
 * p-value of the class that most neighbours have. The nonconformity of a class is how many neighbours, by cosine at what each
 * linear layer but the first takes, have another one; the p-value is the share of the calibration whose nonconformity is no
 * smaller. Neighbours are found exactly, not by hashing. As counts have no slope, a smooth count stands in for it where gradients
 * pass through rounding (as Sitawarin & Wagner, 2019, https://arxiv.org/abs/1903.08333, attack it).
 */
export function deepNearestNeighbours({
  neighbours = 20,
  references = 1000,
  calibration = 750,
}: DeepNeighboursOptions = {}): Detector {
  return {
    name: "deep-nearest-neighbours",
    citation: { text: "Papernot & McDaniel, 2018", url: "https://arxiv.org/abs/1803.04765" },
    layers: "whole",
    async fit({ layers, labels, classes, seed }) {
      const count = labels.length;
      const held = Math.min(calibration, Math.floor(count / 4));
      if (!(held >= 1)) {
        throw new DefenseError(
          "INVALID_OPTION",
          `deepNearestNeighbours: expected 4 clean samples or more, got ${count}`,
        );
      }
      const order = shuffled(count, seed, streams.references, 0);
      const searched = order.subarray(held, held + references).sort();
      const votes = tensor([searched.length, classes]);
      for (const [i, row] of searched.entries()) votes.data[i * classes + labels[row]!] = 1;
      const points = layers.map((layer) => ofLengthOne(takeRows(layer, [...searched])));
      for (const each of points) requireNeighbours("deepNearestNeighbours", neighbours, each);
      const others = order.subarray(0, held);
      const own = new Float32Array(held);
      for (const [i, layer] of layers.entries()) {
        const chosen = takeRows(layer, [...others]);
        const { data } = await runGraph(chosen, (graph, x) => strangers(graph, x, points[i]!, votes, neighbours).exact);
        for (let row = 0; row < held; row++) own[row]! += data[row * classes + labels[others[row]!]!]!;
      }
      const known = tensor([1, held], own);
      return {
        score(graph, { layers: values }) {
          const counts = values.map((value, i) => strangers(graph, value, points[i]!, votes, neighbours));
          const fewest = (all: readonly Value[]) => graph.Neg(graph.ReduceMax(graph.Neg(graph.Sum(...all)), [1], 1));
          const exact = fewest(counts.map((each) => each.exact));
          const smooth = fewest(counts.map((each) => each.smooth));
          const isLess = graph.Cast(graph.Less(graph.constant(known), exact), "float32");
          const score = graph.Mul(graph.ReduceSum(isLess, [1], 0), graph.scalar(1 / held, exact));
          const slope = graph.Mul(graph.Squeeze(smooth, [1]), graph.scalar(1 / (neighbours * values.length), exact));
          return graph.Add(score, onlySlope(graph, slope));
        },
      };
    },
  };
}

/** How many of the nearest points are of another class, by class: [batch, classes], as a count and as what is near one. */
function strangers(graph: GraphBuilder, x: Value, points: Tensor, votes: Tensor, neighbours: number) {
  const length = graph.Sqrt(graph.Add(graph.ReduceSum(graph.Mul(x, x), [1], 1), graph.scalar(SMALLEST, x)));
  const distances = squaredDistances(graph, graph.Div(x, length), points);
  const { values, indices } = graph.TopK(distances, neighbours, 1, 0);
  const classesOfAll = graph.constant(votes);
  const friends = graph.ReduceSum(graph.Gather(classesOfAll, indices, 0), [1], 0);
  const last = graph.Slice(values, [neighbours - 1], [neighbours], [1]);
  const width = graph.Mul(graph.Add(last, graph.scalar(SMALLEST, x)), graph.scalar(SOFTNESS, x));
  const nearness = graph.Sigmoid(graph.Div(graph.Sub(last, distances), width));
  const shares = graph.Div(graph.MatMul(nearness, classesOfAll), graph.ReduceSum(nearness, [1], 1));
  const all = graph.scalar(neighbours, x);
  return { exact: graph.Sub(all, friends), smooth: graph.Mul(all, graph.Sub(graph.scalar(1, x), shares)) };
}

/** 0 everywhere for values from 0 to 1, with their slope where gradients pass through rounding. */
function onlySlope(graph: GraphBuilder, x: Value): Value {
  const part = graph.scalar(0.25, x);
  return graph.Div(graph.op("Round", [graph.Mul(x, part)]), part);
}

const SMALLEST = 1e-12; // of a layer that is 0 throughout
const SOFTNESS = 0.1; // share of the squared distance to the last neighbour over which the smooth count falls

function ofLengthOne({ shape, data }: Tensor): Tensor {
  const [rows, width] = shape as [number, number];
  const scaled = tensor([rows, width]);
  for (let i = 0; i < rows; i++) {
    let sum = SMALLEST;
    for (let j = 0; j < width; j++) sum += data[i * width + j]! ** 2;
    for (let j = 0; j < width; j++) scaled.data[i * width + j] = data[i * width + j]! / Math.sqrt(sum);
  }
  return scaled;
}
