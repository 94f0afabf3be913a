import type { AuditErrorCode } from "../errors.ts";
import type { AuditEvent, Interruption } from "../events.ts";
import type { AuditOptions, SubjectSpec } from "../options.ts";

/** What the parent says to the child. */
export type ToChild =
  | { readonly type: "run"; readonly subjects: readonly SubjectSpec[]; readonly options: AuditOptions }
  /** End after the step that is running. */
  | { readonly type: "stop"; readonly interruption: Interruption };

/** What the child says to its parent. */
export type ToParent =
  | { readonly type: "event"; readonly event: AuditEvent }
  /** The audit ended, with every check or because it was asked to. */
  | { readonly type: "done"; readonly status: "complete" | "partial" }
  /** Something kept the audit from going on: `code` where it is the user's to put right. */
  | { readonly type: "failed"; readonly code?: AuditErrorCode; readonly message: string; readonly stack?: string };
