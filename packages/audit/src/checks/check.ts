import type { AttackResult, Evidence } from "@casemate/attacks";
import type { AttackReport, CheckReport, GalleryItem, Metric, Warning } from "../report.ts";
import type { OpenSubject } from "../subject.ts";

/** One row of an audit plan: a measurement with all that tables about it are made of. */
export interface Check extends Pick<CheckReport, "id" | "title" | "kind" | "citation" | "taxonomy" | "parameters"> {
  /** Estimated work, in forward passes of one sample. */
  readonly cost: number;
  /** Measures. Whatever it throws makes the check failed, except when `context.signal` was aborted. */
  run(context: CheckContext): AsyncGenerator<CheckProgress, Measurement>;
}

export interface CheckContext {
  readonly subject: OpenSubject;
  /** The finished checks of this subject, by id: what validity is judged from. */
  readonly earlier: ReadonlyMap<string, FinishedCheck>;
  readonly signal: AbortSignal | undefined;
}

export interface CheckProgress {
  /** Share of the check that is done, 0 to 1. */
  readonly fraction: number;
  /** Forward and backward passes of single samples so far. */
  readonly queries: number;
}

/** What a check found. Proportions carry their intervals; nothing in it is a tensor. */
export interface Measurement {
  readonly metrics: readonly Metric[];
  readonly queries: { readonly forward: number; readonly backward: number };
  readonly warnings?: readonly Warning[];
  /** What was done, and why, where that was decided on the way. */
  readonly notes?: readonly string[];
  readonly attack?: AttackReport;
  readonly samples?: SampleOutcomes;
  /** What validity is judged from, together with the samples; only of single attacks. */
  readonly evidence?: Omit<Evidence, "samples"> & Pick<AttackResult, "zeroGradients">;
  readonly gallery?: readonly GalleryItem[];
  /** Things that were inferred or edited on the way. */
  readonly assumptions?: readonly string[];
}

/** A check that ran to its end, with what later checks and a resumed run need of it. */
export interface FinishedCheck extends Pick<Measurement, "samples" | "evidence" | "gallery" | "assumptions"> {
  readonly result: CheckReport;
}

export type SampleStatus = "broken" | "robust" | "wrong" | "failed";

/** What became of each sample that a check looked at. All arrays run in parallel. */
export interface SampleOutcomes {
  /** Position in the data set. */
  readonly index: readonly number[];
  readonly status: readonly SampleStatus[];
  /** The class that the model gives afterwards. */
  readonly prediction: readonly number[];
  /** Size of the smallest change found that breaks the sample; null where none was. */
  readonly distance: readonly (number | null)[];
  /** Of an assembly: the member that broke the sample; null where none did. */
  readonly stage?: readonly (string | null)[];
}
