import { createWriteStream } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import {
  attestationOf,
  bundleOf,
  EvidenceError,
  parametersWithDigest,
  parseBundle,
  signStatement,
  subjectOf,
  verifyBundle,
} from "@casemate/evidence";
import { StoreError } from "@casemate/store";
import { localPrincipal } from "../identity/first-admin.ts";
import { filesOf, findVersion, firstEnvironment, type VersionRow } from "../models/version-rows.ts";
import { moveVersion } from "../models/version-states.ts";
import type { Registry, ScanOutcome } from "../registry.ts";
import { addEvidence, listEvidence, readEvidence } from "./evidence.ts";

const MODEL_SIGNATURE = "https://model_signing/signature/v1.0";
const LIFETIME = 90 * 24 * 60 * 60 * 1000;

/**
 * Looks at a pending version: its files are scanned without being loaded, and a signature that came with it must be what it says.
 * It becomes ready, or failed with the reason; the scan becomes evidence, signed by the registry.
 */
export async function admit(registry: Registry, tenant: string, model: string, version: number): Promise<void> {
  const actor = localPrincipal(tenant);
  const row = await findVersion(registry.store.rows, tenant, model, version);
  if (row.state !== "pending") return;
  const end = (to: "ready" | "failed", reason: string) =>
    moveVersion(registry, actor, { model, version, to, action: `version:${to}`, reason });
  const folder = await mkdtemp(join(registry.scratch, "admit-"));
  try {
    const fault =
      (await quarantineFault(registry, row)) ??
      (await materialize(registry, row, folder)) ??
      (await signatureFault(registry, row));
    if (fault !== undefined) return await end("failed", fault);
    const outcome = await registry.scan(folder);
    await addEvidence(registry, actor, model, version, await scanBundle(registry, row, outcome));
    const worst = outcome.worst === undefined ? "" : `: ${outcome.worst}`;
    if (outcome.verdict === "malicious" || outcome.verdict === "unscannable")
      return await end("failed", `the scan says ${outcome.verdict}${worst}`);
    await end("ready", `the scan says ${outcome.verdict}${worst}`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Writes the version's files below a folder, as the blobs have them now. The fault, where one is gone or is not what it was. */
async function materialize({ store }: Registry, row: VersionRow, folder: string): Promise<string | undefined> {
  const { blob_prefix } = await firstEnvironment({ store } as Registry, row.tenant);
  for (const { path, sha256, size } of await filesOf(store.rows, row)) {
    const place = join(folder, path);
    await mkdir(dirname(place), { recursive: true });
    try {
      await pipeline(await store.blobs.get(blob_prefix, sha256), createWriteStream(place, { flags: "wx" }));
    } catch (cause) {
      if (cause instanceof StoreError && cause.code === "NOT_FOUND")
        return `${path}: its ${size} bytes are gone from the store`;
      throw cause;
    }
  }
  return undefined;
}

/** Whether the very same files are in quarantine: registering them anew is no way out of it. */
async function quarantineFault({ store }: Registry, { tenant, root_digest }: VersionRow): Promise<string | undefined> {
  const twin = await store.rows
    .selectFrom("versions")
    .select("version")
    .where("tenant", "=", tenant)
    .where("root_digest", "=", root_digest)
    .where("state", "=", "quarantined")
    .executeTakeFirst();
  return twin === undefined ? undefined : "a version with the same files is in quarantine";
}

/** Why a signature that came with the version is no good, if one is: forged, or by a key that the first environment has revoked. */
async function signatureFault(registry: Registry, row: VersionRow): Promise<string | undefined> {
  const { key_ring } = await firstEnvironment(registry, row.tenant);
  const ring = JSON.parse(key_ring);
  for (const { id, predicateType, signer } of await listEvidence(registry, row)) {
    if (predicateType !== MODEL_SIGNATURE || !ring.keys.some((key: { id: string }) => key.id === signer)) continue;
    try {
      verifyBundle(parseBundle(await readEvidence(registry, row.tenant, id)), {
        type: "ring",
        ring,
        at: new Date(registry.now()),
      });
    } catch (error) {
      if (error instanceof EvidenceError) return `the signature ${id.slice(0, 12)}… is no good: ${error.message}`;
      throw error;
    }
  }
  return undefined;
}

async function scanBundle(
  registry: Registry,
  row: VersionRow,
  { verdict, findings, tool, startedAt, finishedAt }: ScanOutcome,
): Promise<Buffer> {
  const { name: environment } = await firstEnvironment(registry, row.tenant);
  const signer = await registry.signerFor(row.tenant, environment);
  const statement = attestationOf("scan", [subjectOf("model", `${row.model}/${row.version}`, row.root_digest)], {
    tool,
    method: "test",
    ...parametersWithDigest({}),
    metrics: [{ name: "findings", value: findings.reduce((sum, { count }) => sum + count, 0) }],
    startedOn: startedAt,
    finishedOn: finishedAt,
    expiresOn: new Date(Date.parse(finishedAt) + LIFETIME).toISOString(),
    thresholds: [],
    scope: {},
    result: "measured",
    verdict,
    findings: [...findings],
  });
  return Buffer.from(JSON.stringify(bundleOf(await signStatement(statement, [signer]), signer.publicKey).json));
}
