import type { Readable } from "node:stream";
import type { Principal } from "../../access/principal.ts";
import { RegistryError } from "../../errors.ts";
import { change } from "../../events/change.ts";
import type { ManifestFile } from "../../models/manifest.ts";
import { findVersion, firstEnvironment, requireHandedOut } from "../../models/version-rows.ts";
import type { Registry } from "../../registry.ts";
import { findLoggedModel } from "../tracking/logged-models.ts";
import { findRun, requireActive } from "../tracking/runs.ts";
import { keyOf, type Place } from "./place.ts";

type Owned = Extract<Place, { type: "run" | "model" }>;

/** A file or folder, by its name alone. */
export interface Listed {
  readonly path: string;
  readonly is_dir: boolean;
  readonly file_size?: number;
}

/** Throws NOT_FOUND unless the run or logged model is there, in the experiment that the path says. */
export async function checkOwner({ store }: Registry, tenant: string, place: Owned): Promise<void> {
  const owner =
    place.type === "run"
      ? await findRun(store.rows, tenant, place.owner)
      : await findLoggedModel(store.rows, tenant, place.owner);
  if (owner.experiment !== place.experiment)
    throw new RegistryError("NOT_FOUND", `There is no ${place.owner} in experiment ${place.experiment}`);
}

/** Throws INVALID for a run that was deleted, FORBIDDEN for a logged model that is complete: its files are what was signed off. */
async function checkWritable({ store }: Registry, tenant: string, place: Owned): Promise<void> {
  if (place.type === "run") return requireActive(await findRun(store.rows, tenant, place.owner));
  const { status } = await findLoggedModel(store.rows, tenant, place.owner);
  if (status === "LOGGED_MODEL_READY")
    throw new RegistryError(
      "FORBIDDEN",
      `The files of ${place.owner} do not change any more: it is ready. Log another model.`,
    );
}

/** Stores a file by its content and lets the path name it. Throws what `checkWritable` throws, and CONFLICT where a folder is a file. */
export async function putArtifact(
  registry: Registry,
  principal: Principal,
  place: Owned,
  content: Readable,
): Promise<void> {
  const { tenant } = principal;
  const path = keyOf(place);
  if (place.path === "") throw new RegistryError("INVALID", "Invalid artifact path: it names no file");
  await checkWritable(registry, tenant, place);
  const { blob_prefix } = await firstEnvironment(registry, tenant);
  const { sha256, size } = await registry.store.blobs.put(blob_prefix, content);
  await checkWritable(registry, tenant, place); // the upload may have taken hours
  await change(registry, principal, async ({ rows, record }) => {
    const folders = ancestorsOf(path);
    const clash = await rows
      .selectFrom("artifacts")
      .select("path")
      .where("tenant", "=", tenant)
      .where(({ eb, or, and }) =>
        or([eb("path", "in", folders), and([eb("path", ">=", `${path}/`), eb("path", "<", `${path}0`)])]),
      )
      .executeTakeFirst();
    if (clash !== undefined)
      throw new RegistryError(
        "CONFLICT",
        `${place.path} and ${clash.path} cannot both be there: one is a folder of the other`,
      );
    if ((await registry.store.blobs.stat(blob_prefix, sha256)) === undefined)
      throw new RegistryError("UNAVAILABLE", `${place.path}: its content was deleted while it came in; send it again`);
    const before = await rows
      .selectFrom("artifacts")
      .select("sha256")
      .where("tenant", "=", tenant)
      .where("path", "=", path)
      .executeTakeFirst();
    const row = { sha256, size, at: registry.now() };
    await rows
      .insertInto("artifacts")
      .values({ tenant, path, ...row })
      .onConflict((conflict) => conflict.columns(["tenant", "path"]).doUpdateSet(row))
      .execute();
    await record({
      action: "experiment:write",
      resource: `artifacts/${path}`,
      ...(before === undefined ? {} : { before: before.sha256 }),
      after: sha256,
    });
  });
}

/** Lets go of a file, or of all below a folder; content that versions have stays. */
export async function deleteArtifacts(registry: Registry, principal: Principal, place: Owned): Promise<void> {
  const { tenant } = principal;
  await checkWritable(registry, tenant, place);
  const path = keyOf(place);
  await change(registry, principal, async ({ rows, record }) => {
    const { numDeletedRows } = await rows
      .deleteFrom("artifacts")
      .where("tenant", "=", tenant)
      .where(({ eb, or, and }) =>
        or([eb("path", "=", path), and([eb("path", ">=", `${path}/`), eb("path", "<", `${path}0`)])]),
      )
      .executeTakeFirst();
    await record({
      action: "experiment:delete",
      resource: `artifacts/${path}`,
      details: { files: Number(numDeletedRows) },
    });
  });
}

/** One file: its digest and size, and its bytes. Throws NOT_FOUND, and FORBIDDEN for a version that failed or is in quarantine. */
export async function openArtifact(
  registry: Registry,
  tenant: string,
  place: Place,
): Promise<{ readonly file: ManifestFile; readonly stream: Readable }> {
  const file =
    place.type === "version" ? await versionFile(registry, tenant, place) : await ownedFile(registry, tenant, place);
  if (file === undefined) throw new RegistryError("NOT_FOUND", `There is no file ${JSON.stringify(place.path)}`);
  const { blob_prefix } = await firstEnvironment(registry, tenant);
  return { file, stream: await registry.store.blobs.get(blob_prefix, file.sha256) };
}

async function versionFile({ store }: Registry, tenant: string, place: Extract<Place, { type: "version" }>) {
  const row = await findVersion(store.rows, tenant, place.model, place.version);
  requireHandedOut(row);
  return await store.rows
    .selectFrom("version_files")
    .select(["path", "sha256", "size"])
    .where("tenant", "=", tenant)
    .where("model", "=", row.model)
    .where("version", "=", place.version)
    .where("path", "=", place.path)
    .executeTakeFirst();
}

async function ownedFile({ store }: Registry, tenant: string, place: Owned) {
  return await store.rows
    .selectFrom("artifacts")
    .select(["path", "sha256", "size"])
    .where("tenant", "=", tenant)
    .where("path", "=", keyOf(place))
    .executeTakeFirst();
}

/** Every file below a place, by its path there; of a place that is a file, that one. */
export async function filesBelow({ store }: Registry, tenant: string, place: Place): Promise<readonly ManifestFile[]> {
  const path = place.type === "version" ? place.path : keyOf(place);
  const isVersion = place.type === "version";
  const version = isVersion ? await findVersion(store.rows, tenant, place.model, place.version) : undefined;
  let query = store.rows
    .selectFrom(isVersion ? "version_files" : "artifacts")
    .select(["path", "sha256", "size"])
    .where("tenant", "=", tenant)
    .orderBy("path");
  if (version !== undefined)
    query = query
      .where("model" as "path", "=", version.model)
      .where("version" as "path", "=", version.version as never);
  if (path !== "")
    query = query.where(({ eb, or, and }) =>
      or([eb("path", "=", path), and([eb("path", ">=", `${path}/`), eb("path", "<", `${path}0`)])]),
    );
  const files = await query.execute();
  return files.map((file) => ({
    ...file,
    path:
      file.path === path
        ? path.slice(path.lastIndexOf("/") + 1)
        : path === ""
          ? file.path
          : file.path.slice(path.length + 1),
  }));
}

/** What a folder holds, by name; nothing for what is a file or is not there. */
export async function listArtifacts(registry: Registry, tenant: string, place: Place): Promise<readonly Listed[]> {
  const isFile =
    place.path !== "" &&
    (place.type === "version"
      ? await versionEntry(registry, tenant, place)
      : await ownedFile(registry, tenant, place)) !== undefined;
  if (isFile) return [];
  const entries = new Map<string, Listed>();
  for (const { path, size } of await filesBelow(registry, tenant, place)) {
    const slash = path.indexOf("/");
    const name = slash < 0 ? path : path.slice(0, slash);
    if (!entries.has(name))
      entries.set(name, slash < 0 ? { path: name, is_dir: false, file_size: size } : { path: name, is_dir: true });
  }
  return [...entries.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function versionEntry(
  { store }: Registry,
  tenant: string,
  { model, version, path }: Extract<Place, { type: "version" }>,
) {
  return await store.rows
    .selectFrom("version_files")
    .select("path")
    .where("tenant", "=", tenant)
    .where("model", "=", model.normalize("NFC"))
    .where("version", "=", version)
    .where("path", "=", path)
    .executeTakeFirst();
}

function ancestorsOf(path: string): readonly string[] {
  const parts = path.split("/");
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join("/"));
}
