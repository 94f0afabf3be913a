import type { Tensor } from "@casemate/tensor";
import type { Attack } from "../attack.ts";
import type { Search } from "../engine/search.ts";
import { AttackError } from "../errors.ts";
import { runnerUp } from "../minimum-norm/runner-up.ts";
import { valueAt } from "../threats/radii.ts";

export interface LowProFoolOptions {
  readonly steps?: number;
  /** Length of a step in units of the gradient, for features whose ranges are about 1. */
  readonly alpha?: number;
  /** What the weighted norm of the perturbation counts against the loss. */
  readonly lambda?: number;
  /** How much each feature is looked at; of Euclidean length 1, as `pearsonImportance` gives it. All the same if absent. */
  readonly importance?: readonly number[];
}

/**
 * LowProFool (Ballet et al., 2019, https://arxiv.org/abs/1911.03274): descends the cross-entropy to another class plus lambda
 * times the Euclidean norm of the perturbation weighted by how important each feature is, and keeps the adversarial example of
 * the least weighted norm; distances are reported in the threat's norm, unweighted. Defaults are those of the authors' notebook. As the paper does and
 * the authors' code does not, candidates are compared by the weighted Euclidean norm, not the L1 norm. Of several classes, the
 * one that comes second at first is the target.
 */
export function lowProFool({
  steps = 20_000,
  alpha = 0.001,
  lambda = 8.5,
  importance,
}: LowProFoolOptions = {}): Attack {
  return {
    name: "LowProFool",
    access: "gradient",
    aim: "nearest",
    norms: ["l2", "linf", "l1"],
    restarts: 0,
    loss: "cross-entropy",
    parameters: { steps, alpha, lambda, importance: importance?.join(" ") ?? "equal" },
    citation: { text: "Ballet et al., 2019", url: "https://arxiv.org/abs/1911.03274" },
    async *attempt(search) {
      const { width } = search;
      const weights = weightsFor(importance, width);
      const targets = await targetsOf(search);
      const perturbation = search.floats();
      const best = search.floats();
      const least = search.doubles();
      least.values.fill(Infinity);
      perturbation.values.fill(START);
      place(search, perturbation.values);
      for (let step = 0; step < steps && search.active > 0; step++) {
        await search.differentiate("cross-entropy", { record: false, targets });
        for (let row = 0; row < search.active; row++) {
          if (search.adversarial.values[row]) note(search, row, weights, { best: best.row(row), least: least.values });
          descend(perturbation.row(row), search.gradient.row(row), search, row, { weights, alpha, lambda });
        }
        place(search, perturbation.values);
        yield { step: step + 1, steps };
      }
      const rows = Array.from({ length: search.active }, (_, row) => row);
      const last = await search.decide(search.x.values.slice(), rows);
      for (const row of rows) {
        if (last[row]) note(search, row, weights, { best: best.row(row), least: least.values });
        if (least.values[row]! < Infinity) search.keep(row, best.row(row));
      }
      search.dismiss();
    },
  };
}

/**
 * The importance of features for LowProFool as its authors take it: how strongly each correlates with the label, 0 for those
 * that do not vary, scaled to Euclidean length 1. `x` is [samples, features].
 */
export function pearsonImportance(x: Tensor, labels: ArrayLike<number>): number[] {
  const [samples = 0, features = 0] = x.shape;
  const mean = (at: (row: number) => number) =>
    Array.from({ length: samples }, (_, row) => at(row)).reduce((a, b) => a + b, 0) / samples;
  const labelMean = mean((row) => labels[row]!);
  const labelSpread = mean((row) => (labels[row]! - labelMean) ** 2);
  const correlations = Array.from({ length: features }, (_, j) => {
    const at = (row: number) => x.data[row * features + j]!;
    const center = mean(at);
    const spread = mean((row) => (at(row) - center) ** 2);
    const together = mean((row) => (at(row) - center) * (labels[row]! - labelMean));
    return spread * labelSpread === 0 ? 0 : Math.abs(together) / Math.sqrt(spread * labelSpread);
  });
  const length = Math.hypot(...correlations);
  return correlations.map((each) => (length === 0 ? 1 / Math.sqrt(features) : each / length));
}

function weightsFor(importance: readonly number[] | undefined, width: number): Float64Array {
  const weights = importance ? Float64Array.from(importance) : new Float64Array(width).fill(1 / Math.sqrt(width));
  if (weights.length === width && weights.every((weight) => weight >= 0)) return weights;
  throw new AttackError(
    "INVALID_OPTION",
    `LowProFool: expected an importance of at least 0 for each of ${width} features, got [${importance}]`,
  );
}

/** The class that each sample is to become: the one asked for or, at the clean sample, the next best. */
async function targetsOf(search: Search) {
  const targets = search.integers();
  const goals = Array.from({ length: search.active }, (_, row) => search.goal(row));
  const wanted = search.integers();
  wanted.values.set(goals.map(({ target }) => target ?? -1));
  await search.evaluate();
  const { classes } = search.model;
  for (let row = 0; row < search.active; row++) {
    const logits = search.logits.values.subarray(row * classes, (row + 1) * classes);
    const target = wanted.values[row]!;
    targets.values[row] = target >= 0 ? target : runnerUp(logits, search.labels.values[row]!);
  }
  return targets;
}

/** x = the origin and the perturbation, within the bounds. */
function place(search: Search, perturbation: Float32Array): void {
  const { width, model } = search;
  const { lower, upper } = model.bounds;
  const x = search.x.values;
  const origin = search.origin.values;
  for (let i = 0, j = 0; i < x.length; i++, j = j + 1 === width ? 0 : j + 1) {
    x[i] = Math.min(valueAt(upper, j), Math.max(valueAt(lower, j), origin[i]! + perturbation[i]!));
  }
  for (let row = 0; row < search.active; row++) search.pin(row, search.x.row(row));
}

interface Descent {
  readonly weights: Float64Array;
  readonly alpha: number;
  readonly lambda: number;
}

function descend(
  perturbation: Float32Array,
  slopes: Float32Array,
  search: Search,
  row: number,
  { weights, alpha, lambda }: Descent,
): void {
  const x = search.x.row(row);
  const origin = search.origin.row(row);
  let sum = 0;
  for (let j = 0; j < weights.length; j++) sum += (weights[j]! * perturbation[j]!) ** 2;
  const pull = sum === 0 ? 0 : lambda / Math.sqrt(sum);
  for (let j = 0; j < weights.length; j++) {
    const isClipped = x[j] !== Math.fround(origin[j]! + perturbation[j]!); // no slope beyond the bounds
    const slope = isClipped ? 0 : slopes[j]!;
    perturbation[j]! += alpha * (slope - pull * weights[j]! * weights[j]! * perturbation[j]!);
  }
}

/** Remembers where a row is if its weighted norm is the least so far. */
function note(
  search: Search,
  row: number,
  weights: Float64Array,
  { best, least }: { readonly best: Float32Array; readonly least: Float64Array },
): void {
  const origin = search.origin.row(row);
  const point = search.x.row(row).slice();
  search.threat.constraints?.repair(point, origin);
  let sum = 0;
  for (let j = 0; j < weights.length; j++) sum += (weights[j]! * (point[j]! - origin[j]!)) ** 2;
  if (sum >= least[row]!) return;
  least[row] = sum;
  best.set(point);
}

const START = 1e-4; // of each feature of the first perturbation, as the authors have it: at 0 the norm has no slope
