import type { FileReport } from "@casemate/scan";
import type {
  AuditReport,
  AuditSettings,
  CheckReport,
  ClassRow,
  ComparisonReport,
  DataReport,
  GalleryItem,
  ModelReport,
} from "./report.ts";

/** What happens during an audit, in order. Plain data, so it crosses from the child to its parent; never a tensor. */
export type AuditEvent =
  | {
      readonly type: "started";
      readonly startedAt: string;
      readonly settings: AuditSettings;
      readonly subjects: readonly PlannedSubject[];
    }
  | { readonly type: "check-started"; readonly subject: string; readonly check: string }
  | {
      readonly type: "progress";
      readonly subject: string;
      readonly check: string;
      /** Share of this check that is done, 0 to 1. */
      readonly fraction: number;
      /** Queries of this check so far, forward and backward together. */
      readonly queries: number;
    }
  | {
      readonly type: "check-finished";
      readonly subject: string;
      readonly result: CheckReport;
      /** Whether it was read from an earlier run instead of being run. */
      readonly resumed: boolean;
    }
  /** What all finished checks of a subject say together; sent anew after each attack. */
  | {
      readonly type: "findings";
      readonly subject: string;
      readonly perClass: readonly ClassRow[];
      readonly gallery: readonly GalleryItem[];
      readonly assumptions: readonly string[];
    }
  /** The first model beside another, once both are through. */
  | { readonly type: "compared"; readonly comparisons: readonly ComparisonReport[] };

export interface PlannedSubject {
  readonly name: string;
  /** What the scan of the model's file found, before anything loaded it. */
  readonly scan: FileReport;
  readonly model: ModelReport;
  readonly data: DataReport;
  readonly contract: unknown;
  readonly assumptions: readonly string[];
  readonly checks: readonly PlannedCheck[];
}

export interface PlannedCheck {
  readonly id: string;
  readonly title: string;
  /** Estimated work, in forward passes of one sample; only to tell how much time is left. */
  readonly cost: number;
}

export type Interruption = NonNullable<AuditReport["interruption"]>;
