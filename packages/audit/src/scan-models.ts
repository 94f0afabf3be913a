import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type FileReport, ScanError, scanFile } from "@casemate/scan";
import { AuditError } from "./errors.ts";
import type { AuditOptions, SubjectSpec } from "./options.ts";

/**
 * Scans the files of models before anything loads them. Throws MODEL_REFUSED for one that is malicious, unless it is to be trusted,
 * and MODEL_NOT_READABLE for one that is not there.
 */
export async function scanModels(
  specs: readonly SubjectSpec[],
  { trust = false }: AuditOptions,
): Promise<readonly FileReport[]> {
  const scratch = await mkdtemp(join(tmpdir(), "casemate-scan-"));
  try {
    const reports: FileReport[] = [];
    for (const { model } of specs) reports.push(await scanFile(model, scratch));
    if (!trust) reports.forEach(refuse);
    return reports;
  } catch (error) {
    if (!(error instanceof ScanError)) throw error;
    throw new AuditError("MODEL_NOT_READABLE", error.message, { cause: error });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

function refuse({ path, verdict, findings }: FileReport): void {
  if (verdict !== "malicious") return;
  const { rule, title, evidence } = findings.find(({ severity }) => severity === "critical")!;
  throw new AuditError(
    "MODEL_REFUSED",
    `${path} was not loaded: ${title.toLowerCase()} (${rule}): ${evidence}. --trust audits it all the same`,
  );
}
