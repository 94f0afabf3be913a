import type { Status } from "./result.ts";

/** What is known about a sample while it is attacked. */
export interface SampleRecord {
  /** Index in the data set: what its random draws are keyed by. */
  readonly sample: number;
  readonly label: number;
  readonly target: number | undefined;
  /** The clean input. */
  readonly input: Float32Array;
  /** Class of the clean sample; -1 before it is known. */
  prediction: number;
  /** The smallest margin seen while the verdict is open; then that of the verdict. */
  margin: number;
  forward: number;
  backward: number;
  /** Whether the first gradient was zero everywhere; undefined before there was one. */
  hasZeroGradient: boolean | undefined;
  /** What was found, yet to be verified, and its distance where the attack aims at the nearest. */
  candidate: Float32Array | undefined;
  candidateDistance: number;
  /** The member of an assembly that found the candidate. */
  stage: string | undefined;
  verified: Verified | undefined;
  /** Why the sample could not be attacked to the end. */
  failure: string | undefined;
  /** Whether that is only because the run was ended. */
  isInterrupted: boolean;
  /** The verdicts so far, from the smallest epsilon. */
  readonly statuses: Status[];
  /** How many of them would not change if the run went on. */
  settled: number;
  /** Attempts (members and their restarts) at the next verdict that are behind it. */
  attempts: number;
}

/** An adversarial input that one more forward pass has confirmed. */
export interface Verified {
  readonly adversarial: Float32Array;
  readonly prediction: number;
  readonly distance: number;
}

export function newRecord(
  sample: number,
  label: number,
  target: number | undefined,
  input: Float32Array,
): SampleRecord {
  return {
    sample,
    label,
    target,
    input,
    prediction: -1,
    margin: Infinity,
    forward: 0,
    backward: 0,
    hasZeroGradient: undefined,
    candidate: undefined,
    candidateDistance: Infinity,
    stage: undefined,
    verified: undefined,
    failure: undefined,
    isInterrupted: false,
    statuses: [],
    settled: 0,
    attempts: 0,
  };
}
