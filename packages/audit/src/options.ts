import type { AuditSettings, Norm } from "./report.ts";

/** One model to audit and what belongs to it. */
export interface SubjectSpec {
  readonly model: string;
  /** A file, or a folder of pictures with one folder per class. */
  readonly data: string;
  /** Where absent, `<model>.contract.json` beside the model; where that is not there either, a contract is drafted. */
  readonly contract?: string;
}

export type Profile = AuditSettings["profile"];

/** How to audit: plain data, since it is sent to the child that does it. */
export interface AuditOptions {
  readonly profile?: Profile;
  /** Ids of attacks to run instead of those of the profile. */
  readonly attacks?: readonly string[];
  readonly norm?: Norm;
  /** Radii in the units of the contract's range; the verdict is about the largest. */
  readonly epsilons?: readonly number[];
  readonly seed?: number;
  /** Audit a model that the scan calls malicious all the same. */
  readonly trust?: boolean;
  /** How many samples of the data set, from its start; all if absent. */
  readonly samples?: number;
  readonly device?: string;
  readonly threads?: number;
  /** Folder for finished checks; none are kept if absent. */
  readonly store?: string;
  /** Take up the run whose checks are in `store`. */
  readonly resume?: boolean;
  /** Only recorded: the command line, and the budget that the parent enforces. */
  readonly command?: string;
  readonly budget?: AuditSettings["budget"];
}
