import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { AuditError, type AuditReport, attestAudit, writeFileWhole } from "@casemate/audit";
import { bundleOf, type EvidenceThreshold, signerFromFile, signStatement } from "@casemate/evidence";
import type { Console } from "../console.ts";
import { clientOf, versionOf } from "./registry-flags.ts";

export interface SignReportFlags {
  readonly sign?: string;
  readonly thresholds?: string;
  readonly registry?: string;
  readonly as?: string;
  readonly out: string;
}

const LIFETIME = 90 * 24 * 60 * 60 * 1000;

/** Before hours of work: whether the flags fit each other, and what they name is there. Throws INVALID_OPTION, and what keys and registry throw. */
export async function checkSignFlags(
  { sign, thresholds, registry, as }: SignReportFlags,
  models: number,
): Promise<void> {
  const refuse = (why: string) => new AuditError("INVALID_OPTION", why);
  if (sign === undefined && (thresholds ?? registry ?? as) !== undefined)
    throw refuse("--thresholds, --registry and --as go with --sign");
  if (registry !== undefined && as === undefined)
    throw refuse("--registry: expected --as with the version, such as --as digits/3");
  if (as !== undefined && models > 1) throw refuse(`--as names one version, got ${models} models`);
  if (sign !== undefined) await signerFromFile(sign);
  if (thresholds !== undefined) await thresholdsIn(thresholds);
  if (as === undefined) return;
  const client = clientOf(registry === undefined ? {} : { registry });
  await client.json("GET", (await versionOf(client, as)).path);
}

/** Signs what was measured on each model, beside the report, and puts it on a version of the registry where one is named. */
export async function signReport(
  report: AuditReport,
  json: string,
  flags: SignReportFlags,
  console: Console,
): Promise<void> {
  const { sign, thresholds, as, registry, out } = flags;
  if (sign === undefined) return;
  const signer = await signerFromFile(sign);
  const options = {
    expiresOn: new Date(Date.parse(report.finishedAt) + LIFETIME),
    reportDigest: createHash("sha256")
      .update(await readFile(json))
      .digest("hex"),
    ...(thresholds === undefined ? {} : { thresholds: await thresholdsIn(thresholds) }),
  };
  for (const { name } of report.subjects) {
    const statement = attestAudit(report, name, options);
    const bundle = bundleOf(await signStatement(statement, [signer]), signer.publicKey);
    const path = join(out, `${name.replaceAll(/[^\w.-]/g, "_")}.robustness.sigstore.json`);
    await writeFileWhole(path, `${JSON.stringify(bundle.json)}\n`);
    console.error(`Signed by ${signer.publicKey.id.slice(0, 12)}…: ${path}`);
    if (as === undefined) continue;
    const client = clientOf(registry === undefined ? {} : { registry });
    const { path: version } = await versionOf(client, as);
    const { sequence } = await client.json<{ sequence: number }>("POST", `${version}/evidence`, bundle.json);
    console.error(`Evidence of ${as}, entry ${sequence} of the registry's log`);
  }
}

async function thresholdsIn(path: string): Promise<readonly EvidenceThreshold[]> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(path, "utf8"));
  } catch (cause) {
    throw new AuditError(
      "INVALID_OPTION",
      `--thresholds: cannot read ${path}: ${cause instanceof Error ? cause.message : cause}`,
      { cause },
    );
  }
  if (!Array.isArray(value))
    throw new AuditError("INVALID_OPTION", `--thresholds: ${path}: expected a list of thresholds`);
  return value;
}
