import type { Selectable } from "kysely";
import { RegistryError } from "../errors.ts";
import type { Change } from "../events/change.ts";
import type { Registry } from "../registry.ts";
import type { Tables } from "../tables/tables.ts";
import type { ManifestFile } from "./manifest.ts";

export type VersionRow = Selectable<Tables["versions"]>;

/** A version that was not deleted. Throws NOT_FOUND. */
export async function findVersion(
  rows: Pick<Change["rows"], "selectFrom">,
  tenant: string,
  model: string,
  version: number,
): Promise<VersionRow> {
  const row = await rows
    .selectFrom("versions")
    .selectAll()
    .where("tenant", "=", tenant)
    .where("model", "=", model.normalize("NFC"))
    .where("version", "=", version)
    .where("state", "!=", "deleted")
    .executeTakeFirst();
  if (row === undefined)
    throw new RegistryError("NOT_FOUND", `there is no version ${version} of ${JSON.stringify(model)}`);
  return row;
}

/** Files of a version, in order of path. */
export async function filesOf(
  rows: Pick<Change["rows"], "selectFrom">,
  { tenant, model, version }: Pick<VersionRow, "tenant" | "model" | "version">,
): Promise<readonly ManifestFile[]> {
  const files = await rows
    .selectFrom("version_files")
    .select(["path", "sha256", "size"])
    .where("tenant", "=", tenant)
    .where("model", "=", model)
    .where("version", "=", version)
    .orderBy("path")
    .execute();
  return files.map(({ path, sha256, size }) => ({ path, sha256, size }));
}

/** `models/digits/versions/3`, as events name it. */
export function resourceOf(model: string, version: number): string {
  return `models/${model}/versions/${version}`;
}

/** Where versions begin: the environment in which everything is uploaded. */
export async function firstEnvironment(
  { store }: Registry,
  tenant: string,
): Promise<Selectable<Tables["environments"]>> {
  return await store.rows
    .selectFrom("environments")
    .selectAll()
    .where("tenant", "=", tenant)
    .orderBy("position")
    .limit(1)
    .executeTakeFirstOrThrow();
}

/** Sets columns of a version. */
export async function updateRow(
  rows: Change["rows"],
  { tenant, model, version }: VersionRow,
  set: Partial<VersionRow>,
): Promise<void> {
  await rows
    .updateTable("versions")
    .set(set)
    .where("tenant", "=", tenant)
    .where("model", "=", model)
    .where("version", "=", version)
    .execute();
}

/** Throws FORBIDDEN for a version whose files nobody gets: one that is not scanned yet, that failed, or that is in quarantine. */
export function requireHandedOut({ model, version, state, state_reason }: VersionRow): void {
  if (state === "ready" || state === "retired") return;
  const why = state === "pending" ? "it has not been scanned yet" : state_reason;
  throw new RegistryError("FORBIDDEN", `version ${version} of ${model} is ${state}: ${why}`);
}
