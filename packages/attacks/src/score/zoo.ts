import type { Attack } from "../attack.ts";
import type { Search } from "../engine/search.ts";
import { valueAt } from "../threats/radii.ts";
import { scorePoints } from "./score-points.ts";
import { Coordinates } from "./zoo-coordinates.ts";

export interface ZooOptions {
  /** Steps for each constant. */
  readonly steps?: number;
  /** Features whose slope is estimated in a step, two queries each. */
  readonly coordinates?: number;
  /** Of Adam, in units of the input. */
  readonly learningRate?: number;
  /** How many constants are tried, halving what is between too small and large enough. */
  readonly binarySearchSteps?: number;
  /** The first weight of misclassification against distance. */
  readonly initialConstant?: number;
  /** How far a feature moves for the estimate of its slope, in units of the input. */
  readonly difference?: number;
  /** How much the margin is to be overcome by, in units of the logits. */
  readonly confidence?: number;
  /** Draw features where the change is large already, instead of all alike. */
  readonly importance?: boolean;
  /** Leave a constant when a tenth of its steps brought less than a share of 1e-4. */
  readonly abortEarly?: boolean;
}

/**
 * Zeroth-order optimisation (Chen et al., 2017, https://arxiv.org/abs/1708.03999): minimises |δ|² + c · max(margin, -confidence),
 * as Carlini & Wagner do, by Adam on a few features at a time, whose slopes are differences of scores. Defaults are the paper's for
 * MNIST, with clipping instead of a change of variable as there. Its reduction to smaller images, for those of ImageNet's
 * size, is not offered.
 */
export function zoo({
  steps = 3000,
  coordinates = 128,
  learningRate = 0.01,
  binarySearchSteps = 9,
  initialConstant = 0.01,
  difference = 1e-4,
  confidence = 0,
  importance = false,
  abortEarly = true,
}: ZooOptions = {}): Attack {
  return {
    name: "ZOO",
    access: "score",
    aim: "nearest",
    norms: ["l2"],
    restarts: 0,
    parameters: {
      steps,
      coordinates,
      learningRate,
      binarySearchSteps,
      initialConstant,
      difference,
      confidence,
      importance,
      abortEarly,
    },
    citation: { text: "Chen et al., 2017", url: "https://arxiv.org/abs/1708.03999" },
    async *attempt(search) {
      const { model, x, origin } = search;
      const chosen = new Coordinates(search, { count: coordinates, importance });
      const means = search.floats();
      const squares = search.floats();
      const ages = search.floats(); // updates of each feature so far
      const [constant, low, high] = [search.doubles(), search.doubles(), search.doubles()];
      const previous = search.doubles(); // the objective a tenth of the steps ago
      const [hasStopped, hasBroken] = [search.integers(), search.integers()];
      constant.values.fill(initialConstant);
      high.values.fill(Infinity);

      const slopeStep = (row: number, slopes: Float64Array): void => {
        const [point, mean, square, age] = [x.row(row), means.row(row), squares.row(row), ages.row(row)];
        for (const [index, j] of chosen.row(row).entries()) {
          age[j] = age[j]! + 1;
          mean[j] = 0.9 * mean[j]! + 0.1 * slopes[index]!;
          square[j] = 0.999 * square[j]! + 0.001 * slopes[index]! ** 2;
          const correction = Math.sqrt(1 - 0.999 ** age[j]!) / (1 - 0.9 ** age[j]!);
          const moved = point[j]! - (learningRate * correction * mean[j]!) / (Math.sqrt(square[j]!) + 1e-8);
          point[j] = Math.min(Math.max(moved, valueAt(model.bounds.lower, j)), valueAt(model.bounds.upper, j));
        }
      };

      for (let round = 0; round < binarySearchSteps && search.active > 0; round++) {
        x.values.set(origin.values);
        for (const rows of [means, squares, ages, hasStopped, hasBroken]) rows.values.fill(0);
        previous.values.fill(Infinity);
        for (let step = 0; step < steps && search.active > 0; step++) {
          const rows = Array.from({ length: search.active }, (_, row) => row).filter((row) => !hasStopped.values[row]);
          if (rows.length === 0) break;
          for (const row of rows) chosen.choose(row, round * steps + step, step);
          const each = 1 + 2 * chosen.count;
          const owners = Int32Array.from({ length: rows.length * each }, (_, i) => rows[Math.floor(i / each)]!);
          const { margins } = await scorePoints(search, owners, (index, point) => {
            const row = owners[index]!;
            point.set(x.row(row));
            const probe = (index % each) - 1;
            if (probe < 0) return;
            const j = chosen.row(row)[probe >> 1]!;
            point[j] = point[j]! + (probe % 2 === 0 ? difference : -difference);
          });
          for (const [index, row] of rows.entries()) {
            const at = index * each;
            const goal = (i: number): number => Math.max(margins[i]!, -confidence);
            const weight = constant.values[row]!;
            if (margins[at]! < -confidence) hasBroken.values[row] = 1;
            const objective = squaredDistance(search, row) + weight * goal(at);
            if (abortEarly && step % Math.max(1, Math.floor(steps / 10)) === 0) {
              if (objective > 0.9999 * previous.values[row]!) hasStopped.values[row] = 1;
              previous.values[row] = objective;
            }
            const [point, center] = [x.row(row), origin.row(row)];
            const slopes = Float64Array.from(chosen.row(row), (j, k) => {
              const change = (goal(at + 1 + 2 * k) - goal(at + 2 + 2 * k)) / (2 * difference);
              return 2 * (point[j]! - center[j]!) + weight * change;
            });
            slopeStep(row, slopes);
          }
          search.dismiss();
          yield { step: round * steps + step + 1, steps: binarySearchSteps * steps };
        }
        for (let row = 0; row < search.active; row++) {
          if (hasBroken.values[row]) high.values[row] = constant.values[row]!;
          else low.values[row] = constant.values[row]!;
          constant.values[row] =
            high.values[row] === Infinity ? 10 * constant.values[row]! : (low.values[row]! + high.values[row]!) / 2;
        }
      }
      if (search.active > 0) await search.evaluate();
    },
  };
}

function squaredDistance({ x, origin }: Search, row: number): number {
  const [point, center] = [x.row(row), origin.row(row)];
  let sum = 0;
  for (let j = 0; j < point.length; j++) sum += (point[j]! - center[j]!) ** 2;
  return sum;
}
