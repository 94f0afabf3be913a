import { digestOf } from "@casemate/evidence";
import type { Principal } from "../access/principal.ts";
import { RegistryError } from "../errors.ts";
import { type Change, change } from "../events/change.ts";
import type { Registry } from "../registry.ts";
import type { VersionState } from "../tables/tables.ts";
import { removeOrphans } from "./orphans.ts";
import { findVersion, resourceOf, updateRow, type VersionRow } from "./version-rows.ts";

/** From which states each state can be reached. Only `admit` leads out of pending, so that no way leads around the scan. */
const before: Readonly<Record<VersionState, readonly VersionState[]>> = {
  pending: [],
  ready: ["pending", "quarantined"],
  failed: ["pending"],
  quarantined: ["ready"],
  retired: ["ready", "quarantined"],
  deleted: ["pending", "ready", "failed", "quarantined", "retired"],
};

/**
 * Brings a version into another state. A version that an environment serves is neither retired nor deleted; one in quarantine is
 * refused at every load from that moment. Throws NOT_FOUND, CONFLICT.
 */
export async function moveVersion(
  registry: Registry,
  principal: Principal,
  {
    model,
    version,
    to,
    action,
    reason,
  }: {
    readonly model: string;
    readonly version: number;
    readonly to: VersionState;
    readonly action: string;
    readonly reason: string;
  },
): Promise<void> {
  const deleted = await change(registry, principal, async ({ rows, record }) => {
    const row = await findVersion(rows, principal.tenant, model, version);
    if (!before[to].includes(row.state))
      throw new RegistryError(
        "CONFLICT",
        `version ${version} of ${row.model} is ${row.state}; only ${before[to].join(" or ")} ones become ${to}`,
      );
    if (to === "retired" || to === "deleted") await refuseIfServed(rows, row);
    await updateRow(rows, row, {
      state: to,
      state_reason: reason,
      updated_at: registry.now(),
      revision: row.revision + 1,
    });
    if (to === "deleted")
      await rows
        .deleteFrom("aliases")
        .where("tenant", "=", row.tenant)
        .where("model", "=", row.model)
        .where("version", "=", version)
        .execute();
    await record({
      action,
      resource: resourceOf(row.model, version),
      before: digestOf(row.state),
      after: digestOf(to),
      reason,
      details: { rootDigest: row.root_digest, from: row.state, to },
    });
    return to === "deleted" ? row : undefined;
  });
  if (deleted !== undefined) await removeOrphans(registry, principal, deleted);
}

/** Throws CONFLICT where an environment serves the version. */
export async function refuseIfServed(rows: Change["rows"], { tenant, model, version }: VersionRow): Promise<void> {
  const release = await rows
    .selectFrom("releases")
    .select("environment")
    .where("tenant", "=", tenant)
    .where("model", "=", model)
    .where("version", "=", version)
    .executeTakeFirst();
  if (release !== undefined)
    throw new RegistryError(
      "CONFLICT",
      `version ${version} of ${model} is released in ${release.environment}; revoke that first`,
    );
}
