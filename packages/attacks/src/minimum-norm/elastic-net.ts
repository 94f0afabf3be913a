import { spread } from "@casemate/tensor";
import type { Attack } from "../attack.ts";
import { maskSlopes, meanRange } from "./box.ts";
import { ConstantSearch } from "./constant-search.ts";

export interface ElasticNetOptions {
  /** Which of the adversarial points found is the result: the nearest in L1, or by distance² + beta · L1. */
  readonly rule?: "L1" | "EN";
  /** Weight of L1 in the loss. */
  readonly beta?: number;
  /** How many values of the constant are tried. */
  readonly searches?: number;
  /** Steps with each, at most. */
  readonly iterations?: number;
  /** Of the first step; it falls with the root of what is left of them. */
  readonly learningRate?: number;
  /** By how much the logit of another class is to exceed the label's, or the target's the others. */
  readonly confidence?: number;
  readonly initialConstant?: number;
  readonly abortEarly?: boolean;
}

/**
 * EAD, the elastic-net attack (Chen et al., 2018, https://arxiv.org/abs/1709.04114) with the defaults of the authors' code: C&W's
 * loss with beta times the L1 distance added, lowered by FISTA, whose shrinking leaves unneeded features where they were. The
 * authors abort a batch at a time, this a sample at a time. Where nothing is found the sample stands.
 */
export function elasticNet({
  rule = "L1",
  beta = 1e-3,
  searches = 9,
  iterations = 1000,
  learningRate = 0.01,
  confidence = 0,
  initialConstant = 1e-3,
  abortEarly = true,
}: ElasticNetOptions = {}): Attack {
  return {
    name: `EAD-${rule}`,
    access: "gradient",
    aim: "nearest",
    norms: ["l1"],
    restarts: 0,
    loss: "margin",
    parameters: { rule, beta, searches, iterations, learningRate, confidence, initialConstant, abortEarly },
    citation: { text: "Chen et al., 2018", url: "https://arxiv.org/abs/1709.04114" },
    async *attempt(search) {
      const { model, width, threat, origin } = search;
      const unit = meanRange(model.bounds, width);
      const net: Net = { unit, beta, low: spread(model.bounds.lower, width), high: spread(model.bounds.upper, width) };
      const constants = new ConstantSearch(search, { searches, iterations, initialConstant, abortEarly });
      const slack = search.x; // FISTA's extrapolation, where gradients are taken
      const [point, before, best] = [search.floats(), search.floats(), search.floats()];
      point.values.set(origin.values);
      const bestSize = search.doubles();
      bestSize.values.fill(Infinity);
      const isDone = search.integers();
      for (let step = 1; search.active > 0; step++) {
        await search.differentiate("margin", { record: false });
        maskSlopes(search.gradient.values, threat.mask);
        before.values.set(point.values);
        for (let row = 0; row < search.active; row++) {
          const isShort = search.loss.values[row]! < confidence;
          const pull = isShort ? constants.constant.values[row]! * unit * unit : 0;
          const rate = learningRate * Math.sqrt(1 - constants.iteration.values[row]! / iterations);
          descend(slack.row(row), origin.row(row), search.gradient.row(row), { pull, rate });
          shrink(slack.row(row), origin.row(row), point.row(row), net);
        }
        const owners = Int32Array.from({ length: search.active }, (_, row) => row);
        const { adversarial, margins } = await search.scoreAt(point.values, owners);
        for (let row = 0; row < search.active; row++) {
          const lack = Math.max(0, confidence + margins[row]!);
          const isFound = adversarial[row] === 1 && lack === 0;
          const { l1, elastic } = sizes(point.row(row), origin.row(row), net);
          const size = rule === "L1" ? l1 : elastic;
          if (isFound && size < bestSize.values[row]!) {
            bestSize.values[row] = size;
            best.copyRow(row, point);
            if (rule === "L1") search.keep(row, best.row(row));
          }
          const iteration = constants.iteration.values[row]!;
          const next = constants.advance(row, constants.constant.values[row]! * lack + elastic, isFound);
          if (next === "on") extrapolate(slack.row(row), point.row(row), before.row(row), iteration / (iteration + 3));
          else if (next === "anew") for (const rows of [slack, point]) rows.copyRow(row, origin);
          else {
            isDone.values[row] = 1;
            if (rule === "EN" && bestSize.values[row]! < Infinity) search.keep(row, best.row(row));
          }
        }
        search.dismiss((row) => isDone.values[row] === 1);
        yield { step, steps: searches * iterations };
      }
    },
  };
}

interface Net {
  /** Changes are measured in units of it. */
  readonly unit: number;
  readonly beta: number;
  readonly low: ArrayLike<number>;
  readonly high: ArrayLike<number>;
}

/** A step down the slopes of distance² less `pull` times the margin, whose slopes are given. */
function descend(
  slack: Float32Array,
  origin: Float32Array,
  slopes: Float32Array,
  { pull, rate }: { readonly pull: number; readonly rate: number },
): void {
  for (let j = 0; j < slack.length; j++) slack[j]! -= rate * (2 * (slack[j]! - origin[j]!) - pull * slopes[j]!);
}

/** Makes each change smaller by beta, or none of it if it is not larger than that, and keeps to the bounds. */
function shrink(slack: Float32Array, origin: Float32Array, point: Float32Array, { unit, beta, low, high }: Net): void {
  const threshold = beta * unit;
  for (let j = 0; j < slack.length; j++) {
    const change = slack[j]! - origin[j]!;
    if (change > threshold) point[j] = Math.min(slack[j]! - threshold, high[j]!);
    else if (change < -threshold) point[j] = Math.max(slack[j]! + threshold, low[j]!);
    else point[j] = origin[j]!;
  }
}

function extrapolate(slack: Float32Array, point: Float32Array, before: Float32Array, momentum: number): void {
  for (let j = 0; j < slack.length; j++) slack[j] = point[j]! + momentum * (point[j]! - before[j]!);
}

function sizes(point: Float32Array, origin: Float32Array, { unit, beta }: Net): { l1: number; elastic: number } {
  let l1 = 0;
  let squares = 0;
  for (let j = 0; j < point.length; j++) {
    const change = (point[j]! - origin[j]!) / unit;
    l1 += Math.abs(change);
    squares += change * change;
  }
  return { l1, elastic: squares + beta * l1 };
}
