import type { Rows } from "../engine/active-rows.ts";
import type { Threat } from "../threats/threat.ts";

/** How Auto-PGD moves, which differs between norms: the state of all samples, in buffers that follow the active set. */
export interface Climb {
  /** Each sample's point with the largest loss. */
  readonly best: Rows;
  /** Takes the evaluation of the starting points as the best so far. */
  begin(phase: ClimbPhase): void;
  /** Moves every sample by one step, counted from 1. */
  move(step: number): void;
  /** Notes what the evaluation after a step says of it. */
  compare(): void;
  /** Adapts the steps to come, where this one was a checkpoint. */
  review(step: number): void;
}

export interface ClimbPhase {
  readonly threat: Threat;
  readonly steps: number;
  /** Whether the starting points say how sparse the perturbation is to be. */
  readonly isContinued: boolean;
}
