import { spread } from "@casemate/tensor";
import { AttackError } from "../errors.ts";
import type { Bounds } from "../models/classifier.ts";

/** One sample's point between the bounds, and Adam's memory of its way. */
export interface Descent {
  /** Odds of each feature: its distance to the lower bound over that to the upper. */
  readonly odds: Float32Array;
  /** Adam's means of slopes and of their squares. */
  readonly first: Float32Array;
  readonly second: Float32Array;
}

/**
 * Adam on w, where x = lower + range · (1 + tanh w) / 2, so that x is between the bounds whatever w is (Carlini & Wagner, 2017).
 * What is held of w are the odds e^2w = (x - lower) / (upper - x): a step of Adam, which is short, multiplies them by a power
 * that a few terms of its series give, and no feature costs a transcendental function.
 */
export class BoxDescent {
  readonly #lower: ArrayLike<number>;
  readonly #range: Float64Array;
  readonly #learningRate: number;

  /** Throws an AttackError UNSUPPORTED_MODEL where a feature has no bounds. */
  constructor(bounds: Bounds, width: number, learningRate: number, attack: string) {
    const upper = spread(bounds.upper, width);
    this.#lower = spread(bounds.lower, width);
    this.#range = Float64Array.from(upper, (high, j) => high - this.#lower[j]!);
    this.#learningRate = learningRate;
    const open = this.#range.findIndex((range) => !Number.isFinite(range));
    if (open < 0) return;
    const got = `[${this.#lower[open]}, ${upper[open]}] for feature ${open}`;
    throw new AttackError("UNSUPPORTED_MODEL", `${attack}: expected a model with finite bounds, got ${got}`);
  }

  /** Goes to `x` and forgets all slopes. As the authors do, it keeps a little off the bounds, where nothing would move. */
  begin({ odds, first, second }: Descent, x: Float32Array): void {
    for (let j = 0; j < x.length; j++) {
      const range = this.#range[j]!;
      const share = range === 0 ? 0.5 : 0.5 + SMOOTHER * ((x[j]! - this.#lower[j]!) / range - 0.5);
      odds[j] = share / (1 - share);
    }
    first.fill(0);
    second.fill(0);
  }

  /** Writes the point to `x`. */
  place({ odds }: Descent, x: Float32Array): void {
    for (let j = 0; j < x.length; j++) x[j] = this.#lower[j]! + (this.#range[j]! * odds[j]!) / (1 + odds[j]!);
  }

  /** Step number `count`, from 1, down the `slopes` of a loss of x; writes where that leads to `x`. */
  step({ odds, first, second }: Descent, slopes: Float32Array, count: number, x: Float32Array): void {
    const lower = this.#lower;
    const range = this.#range;
    const rate = (-2 * this.#learningRate) / (1 - BETA1 ** count);
    const correction = 1 / Math.sqrt(1 - BETA2 ** count);
    for (let j = 0; j < x.length; j++) {
      let y = odds[j]!;
      const rest = 1 / (1 + y);
      const slope = 2 * slopes[j]! * range[j]! * y * rest * rest;
      const mean = BETA1 * first[j]! + (1 - BETA1) * slope;
      const square = BETA2 * second[j]! + (1 - BETA2) * slope * slope;
      first[j] = mean;
      second[j] = square;
      y *= power((rate * mean) / (Math.sqrt(square) * correction + STABILIZER));
      y = y < LEAST_ODDS ? LEAST_ODDS : y > 1 / LEAST_ODDS ? 1 / LEAST_ODDS : y;
      odds[j] = y;
      x[j] = lower[j]! + (range[j]! * y) / (1 + y);
    }
  }
}

/** e^z. */
function power(z: number): number {
  if (z > 0.25 || z < -0.25) return Math.exp(z);
  return 1 + z * (1 + z * (1 / 2 + z * (1 / 6 + z * (1 / 24 + z * (1 / 120 + z / 720))))); // within 2e-8 of it
}

const SMOOTHER = 0.999999;
const LEAST_ODDS = 1e-8; // where tanh ends in float32
const BETA1 = 0.9;
const BETA2 = 0.999;
const STABILIZER = 1e-8;
