import { AttackError } from "@casemate/attacks";
import { AuditError, type AuditErrorCode } from "@casemate/audit";
import { DataError } from "@casemate/data";
import { DefenseError } from "@casemate/defenses";
import { EvidenceError, type EvidenceErrorCode } from "@casemate/evidence";
import { OnnxError } from "@casemate/onnx";
import { RegistryError, type RegistryErrorCode } from "@casemate/registry";
import { ScanError } from "@casemate/scan";
import { StoreError } from "@casemate/store";
import type { ExitCode } from "./exit-code.ts";

/** An error as the command reports it: one message, and the exit code that it ends with. */
export interface Explanation {
  readonly code: ExitCode;
  readonly message: string;
  readonly stack: string | undefined;
}

const FAILURES: ReadonlySet<AuditErrorCode> = new Set(["CHECK_FAILED", "CHILD_CRASHED", "INTERRUPTED"]);

const EVIDENCE_FAILURES: ReadonlySet<EvidenceErrorCode> = new Set(["SIGNER_FAILED", "LOG_DAMAGED"]);
const BUSY: ReadonlySet<RegistryErrorCode> = new Set(["UNAVAILABLE", "STORAGE_FULL", "TOO_MANY_REQUESTS"]);

/** Bad input ends with 2; what went wrong on our side, or was cut short, with 3. */
export function explain(error: unknown): Explanation {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  const isInput =
    error instanceof OnnxError ||
    (error instanceof AttackError && error.code !== "ENDPOINT_FAILED") ||
    error instanceof DataError ||
    error instanceof DefenseError ||
    (error instanceof RegistryError && !BUSY.has(error.code)) ||
    error instanceof ScanError ||
    (error instanceof EvidenceError && !EVIDENCE_FAILURES.has(error.code)) ||
    error instanceof StoreError ||
    (error instanceof AuditError && !FAILURES.has(error.code));
  return { code: isInput ? 2 : 3, message, stack };
}
