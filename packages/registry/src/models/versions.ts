import { digestOf, rootDigestOf } from "@casemate/evidence";
import type { Principal } from "../access/principal.ts";
import { RegistryError } from "../errors.ts";
import { change } from "../events/change.ts";
import { noteEvidence, submit } from "../evidence/evidence.ts";
import type { Registry } from "../registry.ts";
import type { VersionState } from "../tables/tables.ts";
import { type ManifestFile, manifestOf } from "./manifest.ts";
import { findModel, touchModel } from "./models.ts";
import { filesOf, findVersion, firstEnvironment, resourceOf, updateRow, type VersionRow } from "./version-rows.ts";

/** Something that a version was made of: a data set, a base model, code. */
export interface Material {
  readonly name: string;
  readonly sha256: string;
  readonly role: string;
}

/** What its author says of a version. */
export interface NewVersion {
  readonly files: readonly ManifestFile[];
  readonly description?: string;
  readonly source?: string;
  readonly runId?: string;
  readonly parent?: { readonly model: string; readonly version: number };
  readonly materials?: readonly Material[];
  readonly tags?: Readonly<Record<string, string>>;
  /** A signed bundle that comes with it, such as its signature. */
  readonly evidence?: Uint8Array;
}

/** A version as a list shows it. */
export interface VersionSummary {
  readonly model: string;
  readonly version: number;
  readonly state: VersionState;
  readonly stateReason: string;
  readonly rootDigest: string;
  readonly size: number;
  readonly author: string;
  readonly description: string;
  readonly source: string;
  readonly runId: string | null;
  readonly parent: { readonly model: string; readonly version: number } | null;
  readonly materials: readonly Material[];
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly revision: number;
}

/** A version as it is shown. */
export interface VersionView extends VersionSummary {
  readonly tags: Readonly<Record<string, string>>;
  readonly aliases: readonly string[];
  readonly files: readonly ManifestFile[];
}

/**
 * Adds a version, pending until `admit` has looked at it. Its files stand in the home of the first environment already, and never
 * change. Throws INVALID for a manifest that makes no sense or a blob that is not there, NOT_FOUND for a model or parent.
 */
export async function createVersion(
  registry: Registry,
  principal: Principal,
  model: string,
  given: NewVersion,
): Promise<VersionView> {
  const { tenant } = principal;
  const manifest = manifestOf(given.files);
  const { name } = await findModel(registry.store.rows, tenant, model);
  const submitted =
    given.evidence === undefined
      ? undefined
      : await submit(registry, tenant, given.evidence, {
          name: `this version of ${name}`,
          digests: [rootDigestOf(manifest), ...manifest.map(({ sha256 }) => sha256)],
        });
  const { blob_prefix } = await firstEnvironment(registry, tenant);
  await requireUploaded(registry, blob_prefix, manifest);
  const version = await change(registry, principal, async (each) => {
    const { rows, record } = each;
    const { next_version } = await touchModel(each, registry, principal, name);
    await requireUploaded(registry, blob_prefix, manifest); // what a deletion has removed since
    const { parent, materials = [], description = "", source = "", runId = null, tags = {} } = given;
    if (parent !== undefined) await findVersion(rows, tenant, parent.model, parent.version);
    await rows
      .updateTable("models")
      .set({ next_version: next_version + 1 })
      .where("tenant", "=", tenant)
      .where("name", "=", name)
      .execute();
    const root_digest = rootDigestOf(manifest);
    const at = registry.now();
    await rows
      .insertInto("versions")
      .values({
        tenant,
        model: name,
        version: next_version,
        state: "pending",
        state_reason: "",
        root_digest,
        size: manifest.reduce((sum, file) => sum + file.size, 0),
        author: principal.id,
        description,
        source,
        run_id: runId,
        parent_model: parent?.model ?? null,
        parent_version: parent?.version ?? null,
        materials: JSON.stringify(materials),
        created_at: at,
        updated_at: at,
        revision: 1,
      })
      .execute();
    const key = { tenant, model: name, version: next_version };
    for (let start = 0; start < manifest.length; start += 1000)
      await rows
        .insertInto("version_files")
        .values(manifest.slice(start, start + 1000).map((file) => ({ ...key, ...file })))
        .execute();
    for (const [tag, value] of Object.entries(tags))
      await rows
        .insertInto("version_tags")
        .values({ ...key, key: tag, value })
        .execute();
    await record({
      action: "version:create",
      resource: resourceOf(name, next_version),
      after: root_digest,
      details: { files: manifest.length, materials: digestOf(materials) },
    });
    if (submitted !== undefined) await noteEvidence(each, registry, principal, { ...key, root_digest }, submitted);
    return next_version;
  });
  return await getVersion(registry, tenant, name, version);
}

/** Throws INVALID for a file whose content is not there, or has another size. */
async function requireUploaded({ store }: Registry, prefix: string, manifest: readonly ManifestFile[]): Promise<void> {
  for (let start = 0; start < manifest.length; start += AT_ONCE)
    await Promise.all(
      manifest.slice(start, start + AT_ONCE).map(async ({ path, sha256, size }) => {
        const blob = await store.blobs.stat(prefix, sha256);
        if (blob === undefined) throw new RegistryError("INVALID", `files: ${path}: upload ${sha256} first`);
        if (blob.size !== size)
          throw new RegistryError("INVALID", `files: ${path}: ${sha256} has ${blob.size} bytes, not ${size}`);
      }),
    );
}

const AT_ONCE = 32;

/** Throws NOT_FOUND. */
export async function getVersion(
  { store }: Registry,
  tenant: string,
  model: string,
  version: number,
): Promise<VersionView> {
  const row = await findVersion(store.rows, tenant, model, version);
  const files = await filesOf(store.rows, row);
  const of = { tenant, model: row.model };
  const tags = await store.rows
    .selectFrom("version_tags")
    .select(["key", "value"])
    .where("tenant", "=", tenant)
    .where("model", "=", of.model)
    .where("version", "=", version)
    .execute();
  const aliases = await store.rows
    .selectFrom("aliases")
    .select("alias")
    .where("tenant", "=", tenant)
    .where("model", "=", of.model)
    .where("version", "=", version)
    .orderBy("alias")
    .execute();
  return {
    ...summaryOf(row),
    tags: Object.fromEntries(tags.map(({ key, value }) => [key, value])),
    aliases: aliases.map(({ alias }) => alias),
    files,
  };
}

function summaryOf(row: VersionRow): VersionSummary {
  return {
    model: row.model,
    version: row.version,
    state: row.state,
    stateReason: row.state_reason,
    rootDigest: row.root_digest,
    size: row.size,
    author: row.author,
    description: row.description,
    source: row.source,
    runId: row.run_id,
    parent: row.parent_model === null ? null : { model: row.parent_model, version: row.parent_version! },
    materials: JSON.parse(row.materials),
    createdAt: new Date(row.created_at).toISOString(),
    updatedAt: new Date(row.updated_at).toISOString(),
    revision: row.revision,
  };
}

/** Versions of a model, newest first, before `before`; deleted ones are not among them. */
export async function listVersions(
  { store }: Registry,
  tenant: string,
  model: string,
  { before = Number.MAX_SAFE_INTEGER, limit = 100 }: { readonly before?: number; readonly limit?: number } = {},
): Promise<readonly VersionSummary[]> {
  const { name } = await findModel(store.rows, tenant, model);
  const found = await store.rows
    .selectFrom("versions")
    .selectAll()
    .where("tenant", "=", tenant)
    .where("model", "=", name)
    .where("version", "<", before)
    .where("state", "!=", "deleted")
    .orderBy("version", "desc")
    .limit(limit)
    .execute();
  return found.map(summaryOf);
}

/** Changes what may change of a version: its description. Throws NOT_FOUND, PRECONDITION_FAILED. */
export async function describeVersion(
  registry: Registry,
  principal: Principal,
  model: string,
  version: number,
  description: string,
  revision?: number,
): Promise<void> {
  await change(registry, principal, async ({ rows, record }) => {
    const row = await findVersion(rows, principal.tenant, model, version);
    if (revision !== undefined && revision !== row.revision)
      throw new RegistryError(
        "PRECONDITION_FAILED",
        `version ${version} of ${model} is at revision ${row.revision}, not ${revision}`,
      );
    await updateRow(rows, row, { description, updated_at: registry.now(), revision: row.revision + 1 });
    await record({
      action: "version:update",
      resource: resourceOf(row.model, version),
      before: digestOf(row.description),
      after: digestOf(description),
    });
  });
}

/** Sets a tag of a version, or takes it away where `value` is undefined. */
export async function tagVersion(
  registry: Registry,
  principal: Principal,
  model: string,
  version: number,
  key: string,
  value: string | undefined,
): Promise<void> {
  await change(registry, principal, async ({ rows, record }) => {
    const row = await findVersion(rows, principal.tenant, model, version);
    const at = { tenant: row.tenant, model: row.model, version, key };
    await rows
      .deleteFrom("version_tags")
      .where("tenant", "=", at.tenant)
      .where("model", "=", at.model)
      .where("version", "=", version)
      .where("key", "=", key)
      .execute();
    if (value !== undefined)
      await rows
        .insertInto("version_tags")
        .values({ ...at, value })
        .execute();
    await updateRow(rows, row, { updated_at: registry.now(), revision: row.revision + 1 });
    await record({
      action: "version:update",
      resource: resourceOf(row.model, version),
      details: { tag: key },
      ...(value === undefined ? {} : { after: digestOf(value) }),
    });
  });
}
