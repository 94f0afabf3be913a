import { createHash } from "node:crypto";
import { type Bundle, type Exhibit, parseBundle, parseStatement } from "@casemate/evidence";
import type { Principal } from "../access/principal.ts";
import { RegistryError } from "../errors.ts";
import { type Change, change } from "../events/change.ts";
import { filesOf, findVersion, resourceOf, type VersionRow } from "../models/version-rows.ts";
import type { Registry } from "../registry.ts";

/** A signed statement about a version, as it is shown. */
export interface EvidenceView {
  readonly id: string;
  readonly predicateType: string;
  readonly signer: string;
  readonly receivedAt: string;
  readonly sequence: number;
}

const MAXIMUM_BUNDLE = 16 * 1024 * 1024;

/**
 * Adds a signed bundle that is about one of the version's files, or about all of them. Whether its signer is trusted is a question
 * of each environment, asked at each gate. Throws INVALID for what is no bundle or is about something else.
 */
export async function addEvidence(
  registry: Registry,
  principal: Principal,
  model: string,
  version: number,
  bytes: Uint8Array,
): Promise<EvidenceView> {
  const row = await findVersion(registry.store.rows, principal.tenant, model, version);
  const files = await filesOf(registry.store.rows, row);
  const submitted = await submit(registry, row.tenant, bytes, {
    name: `version ${version} of ${row.model}`,
    digests: [row.root_digest, ...files.map(({ sha256 }) => sha256)],
  });
  return await change(registry, principal, (each) => noteEvidence(each, registry, principal, row, submitted));
}

/** A bundle that is kept, but that nothing points at yet. */
export interface Submitted {
  readonly id: string;
  readonly predicateType: string;
  readonly signer: string;
}

/** Keeps a bundle that is about one of the digests. Throws as `addEvidence` does; no version need be there yet. */
export async function submit(
  { store }: Registry,
  tenant: string,
  bytes: Uint8Array,
  { name, digests }: { readonly name: string; readonly digests: readonly string[] },
): Promise<Submitted> {
  if (bytes.length > MAXIMUM_BUNDLE)
    throw new RegistryError("TOO_LARGE", `expected a bundle of at most ${MAXIMUM_BUNDLE} bytes, got ${bytes.length}`);
  const bundle = parsed(bytes);
  const { predicateType, subject, resources } = claimOf(bundle);
  const known = new Set(digests);
  if (![...subject, ...resources].some((digest) => known.has(digest)))
    throw new RegistryError(
      "INVALID",
      `the bundle is about ${subject.join(", ").slice(0, 1000)}, which is no file of ${name}`,
    );
  const id = createHash("sha256").update(bytes).digest("hex");
  await store.blobs.put(prefixOf(tenant), once(bytes), { sha256: id });
  const { material } = bundle;
  return { id, predicateType, signer: material.type === "publicKey" ? (material.hint ?? "") : material.type };
}

/** Says within a change that a bundle is about a version. */
export async function noteEvidence(
  { rows, record }: Change,
  { now }: Registry,
  principal: Principal,
  { tenant, model, version, root_digest }: Pick<VersionRow, "tenant" | "model" | "version" | "root_digest">,
  { id, predicateType, signer }: Submitted,
): Promise<EvidenceView> {
  const existing = await rows
    .selectFrom("version_evidence")
    .selectAll()
    .where("tenant", "=", tenant)
    .where("model", "=", model)
    .where("version", "=", version)
    .where("id", "=", id)
    .executeTakeFirst();
  if (existing !== undefined) return viewOf(existing);
  const sequence = await record({
    action: "evidence:add",
    resource: resourceOf(model, version),
    after: id,
    details: { predicateType, signer, rootDigest: root_digest },
  });
  const added = {
    tenant,
    model,
    version,
    id,
    predicate_type: predicateType,
    signer,
    received_at: now(),
    received_from: principal.id,
    sequence,
  };
  await rows.insertInto("version_evidence").values(added).execute();
  return viewOf(added);
}

/** What is known about a version, oldest first. */
export async function listEvidence(
  { store }: Registry,
  { tenant, model, version }: VersionRow,
): Promise<readonly EvidenceView[]> {
  const rows = await store.rows
    .selectFrom("version_evidence")
    .selectAll()
    .where("tenant", "=", tenant)
    .where("model", "=", model)
    .where("version", "=", version)
    .orderBy("sequence")
    .execute();
  return rows.map(viewOf);
}

/** All bundles about a version, for a gate: seen when they came in, logged once the log holds their event. */
export async function exhibitsOf(registry: Registry, row: VersionRow): Promise<readonly Exhibit[]> {
  await registry.log.settled();
  const { size } = registry.log.entries;
  return await Promise.all(
    (await listEvidence(registry, row)).map(async ({ id, receivedAt, sequence }) => ({
      id,
      bundle: parseBundle(await readEvidence(registry, row.tenant, id)),
      seenAt: new Date(receivedAt),
      isLogged: sequence < size,
    })),
  );
}

/** The bytes of a bundle. Throws NOT_FOUND. */
export async function readEvidence({ store }: Registry, tenant: string, id: string): Promise<Buffer> {
  return Buffer.concat(await (await store.blobs.get(prefixOf(tenant), id)).toArray());
}

/** Stores a bundle of the registry's own; returns its name. */
export async function keepBundle({ store }: Registry, tenant: string, bytes: Uint8Array): Promise<string> {
  return (await store.blobs.put(prefixOf(tenant), once(bytes))).sha256;
}

function prefixOf(tenant: string): string {
  return `${tenant}-evidence`;
}

/** What a bundle says that it is about: unverified, to know where it belongs. */
function claimOf({ envelope }: Bundle): {
  readonly predicateType: string;
  readonly subject: readonly string[];
  readonly resources: readonly string[];
} {
  try {
    const { predicateType, subject, predicate } = parseStatement(
      Buffer.from(envelope.payload, "base64"),
      envelope.payloadType,
    );
    const resources = Array.isArray(predicate.resources)
      ? (predicate.resources as readonly { digest?: unknown }[])
      : [];
    return {
      predicateType,
      subject: subject.flatMap(({ digest }) => digest.sha256 ?? []),
      resources: resources.map((resource) => String(resource?.digest)),
    };
  } catch (cause) {
    throw new RegistryError("INVALID", cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

function parsed(bytes: Uint8Array): Bundle {
  try {
    return parseBundle(bytes);
  } catch (cause) {
    throw new RegistryError("INVALID", cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

function viewOf({
  id,
  predicate_type,
  signer,
  received_at,
  sequence,
}: {
  id: string;
  predicate_type: string;
  signer: string;
  received_at: number;
  sequence: number;
}): EvidenceView {
  return { id, predicateType: predicate_type, signer, receivedAt: new Date(received_at).toISOString(), sequence };
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}
