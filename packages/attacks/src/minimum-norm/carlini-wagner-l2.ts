import type { Attack } from "../attack.ts";
import { maskSlopes, meanRange } from "./box.ts";
import { BoxDescent, type Descent } from "./box-descent.ts";
import { ConstantSearch } from "./constant-search.ts";

export interface CarliniWagnerL2Options {
  /** How many values of the constant are tried. */
  readonly searches?: number;
  /** Steps of Adam with each, at most. */
  readonly iterations?: number;
  readonly learningRate?: number;
  /** By how much the logit of another class is to exceed the label's, or the target's the others. */
  readonly confidence?: number;
  /** What the margin is weighed with at first, against the squared distance in units of the mean range of the features. */
  readonly initialConstant?: number;
  /** Ends a search that has come to a standstill. */
  readonly abortEarly?: boolean;
}

/**
 * Carlini and Wagner's attack in L2 (2017, https://arxiv.org/abs/1608.04644) with the defaults of the authors' code: Adam on
 * distance² + constant · max(0, confidence - lead of the other class), and a search for the constant. The authors abort a batch
 * at a time, this a sample at a time. Where nothing is found the sample stands; it is never replaced by zeros. Throws an
 * AttackError UNSUPPORTED_MODEL for bounds that are not finite.
 */
export function carliniWagnerL2({
  searches = 9,
  iterations = 10_000,
  learningRate = 0.01,
  confidence = 0,
  initialConstant = 1e-3,
  abortEarly = true,
}: CarliniWagnerL2Options = {}): Attack {
  return {
    name: "C&W L2",
    access: "gradient",
    aim: "nearest",
    norms: ["l2"],
    restarts: 0,
    loss: "margin",
    parameters: { searches, iterations, learningRate, confidence, initialConstant, abortEarly },
    citation: { text: "Carlini & Wagner, 2017", url: "https://arxiv.org/abs/1608.04644" },
    async *attempt(search) {
      const { model, width, threat, origin, x } = search;
      const unit = meanRange(model.bounds, width);
      const descent = new BoxDescent(model.bounds, width, learningRate, "C&W L2");
      const constants = new ConstantSearch(search, { searches, iterations, initialConstant, abortEarly });
      const [odds, first, second] = [search.floats(), search.floats(), search.floats()];
      const isDone = search.integers();
      const at = (row: number): Descent => ({ odds: odds.row(row), first: first.row(row), second: second.row(row) });
      const begin = (row: number): void => {
        const point = x.row(row);
        descent.begin(at(row), origin.row(row));
        descent.place(at(row), point);
        search.pin(row, point);
      };
      for (let row = 0; row < search.active; row++) begin(row);
      for (let step = 1; search.active > 0; step++) {
        await search.differentiate("margin", { record: confidence === 0 });
        maskSlopes(search.gradient.values, threat.mask);
        for (let row = 0; row < search.active; row++) {
          const point = x.row(row);
          const slopes = search.gradient.row(row);
          const lack = Math.max(0, confidence - search.loss.values[row]!);
          const constant = lack > 0 ? constants.constant.values[row]! : 0;
          const squares = addDistance(slopes, constant, point, origin.row(row), unit);
          const isFound = search.adversarial.values[row] === 1 && lack === 0;
          if (isFound && confidence > 0) search.keep(row, point);
          const next = constants.advance(row, squares + constant * lack, isFound);
          if (next === "on") {
            descent.step(at(row), slopes, constants.iteration.values[row]!, point);
            search.pin(row, point);
          } else if (next === "anew") begin(row);
          else isDone.values[row] = 1;
        }
        search.dismiss((row) => isDone.values[row] === 1);
        yield { step, steps: searches * iterations };
      }
    },
  };
}

/**
 * Turns the slopes of the margin, which is to grow, into those of the loss, which is to shrink: distance² in units of `unit`,
 * less `constant` times the margin. Returns the distance².
 */
function addDistance(
  slopes: Float32Array,
  constant: number,
  point: Float32Array,
  origin: Float32Array,
  unit: number,
): number {
  const scale = 1 / (unit * unit);
  let sum = 0;
  for (let j = 0; j < point.length; j++) {
    const change = point[j]! - origin[j]!;
    sum += change * change;
    slopes[j] = 2 * scale * change - constant * slopes[j]!;
  }
  return sum * scale;
}
