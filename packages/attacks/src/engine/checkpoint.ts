import type { Attack } from "../attack.ts";
import { AttackError } from "../errors.ts";
import type { Threat } from "../threats/threat.ts";
import type { Status } from "./result.ts";
import type { SampleRecord } from "./sample-record.ts";

/** Where a run was ended, as plain data that survives JSON. */
export interface Checkpoint {
  /** Of the attack with its parameters, the norm, the radii and the seed: only a run with the same can go on. */
  readonly identity: string;
  readonly samples: readonly SampleCheckpoint[];
}

interface SampleCheckpoint {
  readonly sample: number;
  readonly label: number;
  readonly target?: number;
  readonly prediction: number;
  readonly margin?: number;
  readonly forward: number;
  readonly backward: number;
  readonly hasZeroGradient?: boolean;
  /** The verdicts that stand. */
  readonly statuses: readonly Status[];
  /** Attempts behind it, at the radius after those. */
  readonly attempts: number;
  readonly candidate?: { readonly point: readonly number[]; readonly distance?: number };
  readonly stage?: string;
  readonly verified?: {
    readonly adversarial: readonly number[];
    readonly prediction: number;
    readonly distance: number;
  };
  readonly failure?: string;
}

/** What a checkpoint has to agree with. */
export function identityOf({ name, parameters }: Attack, ladder: readonly Threat[], seed: number): string {
  const radii = ladder.map(({ epsilon }) => (typeof epsilon === "number" ? epsilon : [...epsilon]));
  return JSON.stringify({ attack: name, parameters, norm: ladder[0]!.norm, radii, seed });
}

export function checkpointOf(records: readonly SampleRecord[], identity: string): Checkpoint {
  const samples = records.map((record): SampleCheckpoint => {
    const { sample, label, target, prediction, margin, forward, backward, hasZeroGradient } = record;
    const { statuses, settled, attempts, candidate, candidateDistance, stage, verified, failure } = record;
    // What a run found before it was ended may yet be bettered by one that looks for the nearest.
    const isFinal = statuses[settled - 1] === "broken";
    const found = isFinal ? undefined : (candidate ?? verified?.adversarial);
    const distance = candidate ? candidateDistance : verified?.distance;
    return {
      ...{ sample, label, ...(target !== undefined && { target }), prediction, forward, backward, attempts },
      ...(Number.isFinite(margin) && { margin }),
      ...(hasZeroGradient !== undefined && { hasZeroGradient }),
      statuses: statuses.slice(0, settled),
      ...(found && {
        candidate: { point: Array.from(found), ...(Number.isFinite(distance) && { distance }) },
      }),
      ...(stage !== undefined && { stage }),
      ...(isFinal && verified && { verified: { ...verified, adversarial: Array.from(verified.adversarial) } }),
      ...(failure !== undefined && !record.isInterrupted && { failure }),
    };
  });
  return { identity, samples };
}

/** Puts the records of a new run where the checkpoint's were. Throws an AttackError INVALID_OPTION if it is of another run. */
export function restore(records: readonly SampleRecord[], { identity, samples }: Checkpoint, expected: string): void {
  if (identity !== expected) {
    throw new AttackError("INVALID_OPTION", `run: expected a checkpoint of ${expected}, got one of ${identity}`);
  }
  if (samples.length !== records.length) {
    const got = `one of ${samples.length}`;
    throw new AttackError("INVALID_OPTION", `run: expected a checkpoint of ${records.length} samples, got ${got}`);
  }
  for (const [row, record] of records.entries()) {
    const saved = samples[row]!;
    if (saved.sample !== record.sample || saved.label !== record.label || saved.target !== record.target) {
      const wanted = `sample ${record.sample} with label ${record.label} at ${row} of the checkpoint`;
      const got = `sample ${saved.sample} with label ${saved.label}`;
      throw new AttackError("INVALID_OPTION", `run: expected ${wanted}, got ${got}`);
    }
    const { prediction, margin = Infinity, forward, backward, hasZeroGradient, attempts, stage, failure } = saved;
    const { candidate, verified } = saved;
    Object.assign(record, { prediction, margin, forward, backward, hasZeroGradient, attempts, stage, failure });
    record.candidate = candidate && Float32Array.from(candidate.point);
    record.candidateDistance = candidate?.distance ?? Infinity;
    record.verified = verified && { ...verified, adversarial: Float32Array.from(verified.adversarial) };
    record.statuses.push(...saved.statuses);
    record.settled = saved.statuses.length;
  }
}
