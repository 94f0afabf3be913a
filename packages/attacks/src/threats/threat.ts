import type { Draw, PerFeature } from "@casemate/tensor";
import type { Bounds } from "../models/classifier.ts";
import type { ConstraintSpec } from "../tabular/constraint-spec.ts";
import { l0 } from "./l0.ts";
import { l1 } from "./l1.ts";
import { l2 } from "./l2.ts";
import { linf } from "./linf.ts";

/** The norms that an attacker's ball can be measured in. */
export type BallNorm = "linf" | "l2" | "l1" | "l0";

/**
 * What the attacker may do: move a sample within a ball. Immutable. All methods work on rows of `width` features and
 * write in place. With an epsilon per feature, everything is measured in units of it: in Linf each feature has its own
 * range, in L2 and L1 the ball is stretched.
 */
export interface Threat {
  readonly norm: BallNorm;
  /** Radius of the ball, in the units of the input; one number, or one per feature. */
  readonly epsilon: PerFeature;
  /** 1 where a feature may change, 0 where it may not; all may if absent. */
  readonly mask?: Uint8Array;
  /** What makes a change possible beyond the ball; the search asks the model, and keeps, only what meets them. */
  readonly constraints?: Constraints;
  /** Brings each row of `x` back to within the ball around its row of `origin` and within the bounds. */
  project(x: Float32Array, origin: Float32Array, width: number, bounds: Bounds): void;
  /** Writes to `direction` the change inside the ball that raises a linear function with this gradient the most. */
  steepest(gradient: Float32Array, direction: Float32Array, width: number): void;
  /**
   * One step of an iterated attack: moves each row of `x` along the steepest change of a function with these slopes, then
   * back into the ball around `origin` and the bounds. In L1 the step is spread over the steepest features of those that the
   * bounds let move (Tramèr & Boneh, 2019, https://arxiv.org/abs/1904.13000).
   */
  climb(x: Float32Array, slopes: Float32Array, origin: Float32Array, step: ClimbStep): void;
  /**
   * Fills each row of `x` with a random point of the ball around its row of `origin`, clipped to the bounds: uniform in the
   * ball or, if `onSurface`, on its surface as AutoAttack starts.
   */
  randomStart(x: Float32Array, origin: Float32Array, width: number, bounds: Bounds, random: RandomStart): void;
  /** How far each row of `x` is from its row of `origin`, in the threat's norm and the units of the input. */
  distance(x: Float32Array, origin: Float32Array, width: number): Float64Array;
  /** How far each row of `x` is from its row of `origin`, in units of epsilon: above 1 is outside of the ball. */
  radius(x: Float32Array, origin: Float32Array, width: number): Float64Array;
}

export interface ClimbStep {
  /** Features of a row. */
  readonly width: number;
  readonly bounds: Bounds;
  /** Length of the step in units of epsilon. */
  readonly stepSize: number;
  /** In L1: the share of features that a step is spread over, from 0 (one feature) to 1 (all). */
  readonly sparsity: number;
}

export interface RandomStart {
  /** What the draw of a row is keyed by. */
  readonly draw: (row: number) => Draw;
  readonly onSurface?: boolean;
}

/** What every threat can be restricted by. */
export interface ThreatOptions {
  readonly mask?: Uint8Array;
  readonly constraints?: Constraints;
}

/** Rules that a changed sample must obey to be possible at all: whole numbers, one-hot groups, features that only grow. */
export interface Constraints {
  /**
   * Moves one sample, in place, to a point near it that obeys the rules and that is inside of `ball`, where one is given, if it
   * was so before. `origin` itself is taken to obey them.
   */
  repair(point: Float32Array, origin: Float32Array, ball?: Threat): void;
  /** The rules themselves, for attacks that enumerate what is possible. */
  readonly spec?: ConstraintSpec;
}

/** The threat of a norm by its name. */
export const threats: Record<BallNorm, (epsilon: PerFeature, options?: ThreatOptions) => Threat> = { linf, l2, l1, l0 };
