import { AuditError, writeFileWhole } from "@casemate/audit";
import type { Console } from "../console.ts";
import type { ExitCode } from "../exit-code.ts";
import { interruptions } from "../interruptions.ts";
import type { CertificationFlags } from "./certification-flags.ts";

/** Certifies until done or told to stop, writes the report where asked, and prints it. */
export async function runCertification<Report>(
  certify: (signal: AbortSignal) => Promise<Report>,
  summaryOf: (report: Report, console: Console) => string,
  { out, json = false }: CertificationFlags,
  console: Console,
): Promise<ExitCode> {
  const report = await untilInterrupted(certify, console);
  const text = JSON.stringify(report, null, 2);
  if (out !== undefined) await writeFileWhole(out, `${text}\n`);
  console.print(json ? text : summaryOf(report, console));
  return 0;
}

/** What a certification gives. Throws INTERRUPTED where a signal ends it, since half a certificate is none. */
export async function untilInterrupted<Report>(
  certify: (signal: AbortSignal) => Promise<Report>,
  console: Console,
): Promise<Report> {
  const signals = interruptions(console);
  try {
    return await certify(signals.stop);
  } catch (error) {
    if (!signals.stop.aborted) throw error;
    throw new AuditError("INTERRUPTED", "certification was ended before it had finished", { cause: error });
  } finally {
    signals.forget();
  }
}
