import { digestOf } from "@casemate/evidence";
import type { Principal } from "../access/principal.ts";
import { RegistryError } from "../errors.ts";
import { change } from "../events/change.ts";
import type { Registry } from "../registry.ts";
import { touchModel } from "./models.ts";
import { checkAlias } from "./names.ts";
import { findVersion } from "./version-rows.ts";

/** One entry of an alias's history; version null where it was taken away. */
export interface AliasMove {
  readonly sequence: number;
  readonly version: number | null;
  readonly actor: string;
  readonly at: string;
}

/**
 * Points an alias at a version, or takes it away where `version` is undefined. The names of environments are not free: they
 * follow releases. Throws INVALID, NOT_FOUND, FORBIDDEN, and CONFLICT for a version that is neither pending nor ready.
 */
export async function setAlias(
  registry: Registry,
  principal: Principal,
  model: string,
  alias: string,
  version: number | undefined,
): Promise<void> {
  checkAlias(alias);
  await change(registry, principal, async (each) => {
    const { rows, record } = each;
    const { tenant } = principal;
    const environment = await rows
      .selectFrom("environments")
      .select("name")
      .where("tenant", "=", tenant)
      .where("name", "=", alias.toLowerCase())
      .executeTakeFirst();
    if (environment !== undefined)
      throw new RegistryError(
        "FORBIDDEN",
        `the alias ${alias} follows what is released in ${environment.name}: request a promotion`,
      );
    const { name } = await touchModel(each, registry, principal, model);
    if (version !== undefined) {
      const { state } = await findVersion(rows, tenant, name, version);
      if (state !== "ready" && state !== "pending")
        throw new RegistryError("CONFLICT", `version ${version} of ${name} is ${state}`);
    }
    const previous = await rows
      .selectFrom("aliases")
      .select("version")
      .where("tenant", "=", tenant)
      .where("model", "=", name)
      .where("alias", "=", alias)
      .executeTakeFirst();
    if (version === undefined && previous === undefined)
      throw new RegistryError("NOT_FOUND", `${name} has no alias ${JSON.stringify(alias)}`);
    const at = registry.now();
    await rows
      .deleteFrom("aliases")
      .where("tenant", "=", tenant)
      .where("model", "=", name)
      .where("alias", "=", alias)
      .execute();
    if (version !== undefined)
      await rows.insertInto("aliases").values({ tenant, model: name, alias, version, updated_at: at }).execute();
    const sequence = await record({
      action: "alias:set",
      resource: `models/${name}/aliases/${alias}`,
      details: { version: version ?? null },
      ...(previous === undefined ? {} : { before: digestOf(previous.version) }),
      ...(version === undefined ? {} : { after: digestOf(version) }),
    });
    await rows
      .insertInto("alias_changes")
      .values({ tenant, model: name, alias, sequence, version: version ?? null, actor: principal.id, at })
      .execute();
  });
}

/** The version that an alias points at. Throws NOT_FOUND. */
export async function resolveAlias({ store }: Registry, tenant: string, model: string, alias: string): Promise<number> {
  const row = await store.rows
    .selectFrom("aliases")
    .select("version")
    .where("tenant", "=", tenant)
    .where("model", "=", model.normalize("NFC"))
    .where("alias", "=", alias)
    .executeTakeFirst();
  if (row === undefined) throw new RegistryError("NOT_FOUND", `${model} has no alias ${JSON.stringify(alias)}`);
  return row.version;
}

/** Every move of an alias, oldest first. */
export async function aliasHistory(
  { store }: Registry,
  tenant: string,
  model: string,
  alias: string,
): Promise<readonly AliasMove[]> {
  const rows = await store.rows
    .selectFrom("alias_changes")
    .select(["sequence", "version", "actor", "at"])
    .where("tenant", "=", tenant)
    .where("model", "=", model.normalize("NFC"))
    .where("alias", "=", alias)
    .orderBy("sequence")
    .execute();
  return rows.map(({ at, ...rest }) => ({ ...rest, at: new Date(at).toISOString() }));
}
