import type { Principal } from "../access/principal.ts";
import { type Change, change } from "../events/change.ts";
import type { Registry } from "../registry.ts";
import { firstEnvironment, type VersionRow } from "./version-rows.ts";

/**
 * Removes the content of a deleted version that neither another version nor a run has. Changes come one after the other, and whoever
 * gives content a name looks within a change whether it is there: so nothing gets a name for what is being removed.
 */
export async function removeOrphans(registry: Registry, principal: Principal, row: VersionRow): Promise<void> {
  const { blob_prefix } = await firstEnvironment(registry, row.tenant);
  await change(registry, principal, async ({ rows }) => {
    for (const sha256 of await onlyHere(rows, row)) await registry.store.blobs.remove(blob_prefix, sha256);
  });
}

async function onlyHere(rows: Change["rows"], { tenant, model, version }: VersionRow): Promise<readonly string[]> {
  const orphans = await rows
    .selectFrom("version_files as own")
    .select("own.sha256")
    .distinct()
    .where("own.tenant", "=", tenant)
    .where("own.model", "=", model)
    .where("own.version", "=", version)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom("version_files as f")
            .innerJoin("versions as v", (join) =>
              join
                .onRef("v.tenant", "=", "f.tenant")
                .onRef("v.model", "=", "f.model")
                .onRef("v.version", "=", "f.version"),
            )
            .select("f.path")
            .whereRef("f.tenant", "=", "own.tenant")
            .whereRef("f.sha256", "=", "own.sha256")
            .where("v.state", "!=", "deleted"),
        ),
      ),
    )
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom("artifacts as a")
            .select("a.path")
            .whereRef("a.tenant", "=", "own.tenant")
            .whereRef("a.sha256", "=", "own.sha256"),
        ),
      ),
    )
    .execute();
  return orphans.map(({ sha256 }) => sha256);
}
