import {
  type Bounds,
  type Classifier,
  type GradientClassifier,
  type TreeClassifier,
  throughScale,
} from "@casemate/attacks";
import { type Tensor, tensor } from "@casemate/tensor";

/** Whether features have ranges of different width, so that one epsilon cannot mean the same for all. */
export function hasDifferentRanges(bounds: Bounds, features: number): boolean {
  const first = widthAt(bounds, 0);
  // float32 bounds: differences in the last bits are no different range
  return Array.from({ length: features }).some((_, j) => Math.abs(widthAt(bounds, j) - first) > 1e-5 * first);
}

/** What features are, beyond their ranges. */
export interface FeatureScales {
  /** What a change across each range counts in distances; 1 each if absent. */
  readonly costs?: readonly number[];
  /** Which features hold whole numbers, to be had back without rounding errors. */
  readonly isWhole?: readonly boolean[];
}

/** Maps each feature's range to [0, 1], or to [0, cost], so that distances are shares of it. */
export class UnitBox {
  readonly #lower: Float32Array;
  readonly #width: Float32Array;

  readonly #bounds: Bounds;
  readonly #isWhole: readonly boolean[] | undefined;

  constructor(bounds: Bounds, features: number, { costs, isWhole }: FeatureScales = {}) {
    this.#lower = Float32Array.from({ length: features }, (_, j) => at(bounds.lower, j));
    this.#width = Float32Array.from({ length: features }, (_, j) => widthAt(bounds, j) / (costs?.[j] ?? 1));
    this.#bounds = { lower: 0, upper: costs ? Float32Array.from(costs) : 1 };
    this.#isWhole = isWhole?.includes(true) ? isWhole : undefined;
  }

  /** value = offset + scale · x, for a value of the contract and x of the box. */
  get units(): { readonly offset: Float32Array; readonly scale: Float32Array } {
    return { offset: this.#lower, scale: this.#width };
  }

  toUnit(values: Float32Array): Float32Array {
    return this.#map(values, (value, j) => (value - this.#lower[j]!) / this.#width[j]!);
  }

  fromUnit(values: Float32Array): Float32Array {
    return this.#map(values, (value, j) => this.#unscaledValue(value, j));
  }

  /** The classifier as a function of the unit box; gradients follow by the chain rule, and trees by their thresholds. */
  around<C extends Classifier & Partial<GradientClassifier & TreeClassifier>>(classifier: C): C {
    const { lossGradient, trees } = classifier;
    return {
      ...classifier,
      ...(trees && { trees: throughScale(trees, (x, j) => Math.fround(this.#unscaledValue(x, j))) }),
      bounds: this.#bounds,
      logits: (x: Tensor) => classifier.logits(this.#unscaled(x)),
      ...(lossGradient && {
        lossGradient: async (x: Tensor, ...rest: LossArguments) => {
          const result = await lossGradient.call(classifier, this.#unscaled(x), ...rest);
          const { shape, data } = result.gradient;
          const gradient = this.#map(data, (slope, j) => slope * this.#width[j]!);
          return { ...result, gradient: tensor(shape, gradient) };
        },
      }),
    };
  }

  #unscaled({ shape, data }: Tensor): Tensor {
    return tensor(shape, this.fromUnit(data));
  }

  #unscaledValue(value: number, j: number): number {
    const unscaled = this.#lower[j]! + value * this.#width[j]!;
    return this.#isWhole?.[j] ? Math.round(unscaled) : unscaled;
  }

  #map(values: Float32Array, change: (value: number, feature: number) => number): Float32Array {
    const features = this.#width.length;
    return values.map((value, i) => change(value, i % features));
  }
}

type LossArguments = Parameters<GradientClassifier["lossGradient"]> extends [unknown, ...infer Rest] ? Rest : never;

function at(bound: number | Float32Array, feature: number): number {
  return typeof bound === "number" ? bound : bound[feature]!;
}

function widthAt({ lower, upper }: Bounds, feature: number): number {
  return at(upper, feature) - at(lower, feature);
}
