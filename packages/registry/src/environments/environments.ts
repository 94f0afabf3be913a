import {
  canonicalJson,
  digestOf,
  type GatePolicy,
  type KeyRing,
  parseGatePolicy,
  parseKeyRing,
} from "@casemate/evidence";
import type { Selectable } from "kysely";
import type { Principal } from "../access/principal.ts";
import { RegistryError } from "../errors.ts";
import { type Change, change } from "../events/change.ts";
import type { Registry } from "../registry.ts";
import type { Tables } from "../tables/tables.ts";

export type EnvironmentRow = Selectable<Tables["environments"]>;

/** A place that versions are promoted to, with what they need for it. */
export interface EnvironmentView {
  readonly name: string;
  readonly position: number;
  readonly approvals: number;
  readonly policy: GatePolicy;
  readonly policyDigest: string;
  readonly keyRing: KeyRing;
  readonly revision: number;
}

const initial: readonly { readonly name: string; readonly approvals: number; readonly policy: GatePolicy }[] = [
  { name: "development", approvals: 0, policy: { name: "development", requirements: [] } },
  {
    name: "staging",
    approvals: 1,
    policy: {
      name: "staging",
      log: true,
      requirements: [{ kind: "scan", verdicts: ["clean", "suspicious"], maximumAgeDays: 90 }],
    },
  },
  {
    name: "production",
    approvals: 2,
    policy: {
      name: "production",
      log: true,
      requirements: [
        { kind: "model", name: "signature" },
        { kind: "scan", verdicts: ["clean", "suspicious"], maximumAgeDays: 90 },
        { kind: "robustness", results: ["passed", "measured"], maximumAgeDays: 90 },
      ],
    },
  },
];

/** Makes development, staging and production for a tenant that has no environments yet. */
export async function createEnvironments(registry: Registry, principal: Principal): Promise<void> {
  const { tenant } = principal;
  const existing = await registry.store.rows
    .selectFrom("environments")
    .select("name")
    .where("tenant", "=", tenant)
    .limit(1)
    .executeTakeFirst();
  if (existing !== undefined) return;
  await change(registry, principal, async ({ rows, record }) => {
    const other = await rows
      .selectFrom("environments")
      .select("name")
      .where("tenant", "=", tenant)
      .limit(1)
      .executeTakeFirst();
    if (other !== undefined) return; // another process was first
    for (const [position, { name, approvals, policy }] of initial.entries()) {
      const row = {
        policy: canonicalJson(policy),
        policy_digest: digestOf(policy),
        key_ring: canonicalJson({ keys: [] }),
      };
      await rows
        .insertInto("environments")
        .values({ tenant, name, position, approvals, blob_prefix: `${tenant}-${name}`, ...row, revision: 1 })
        .execute();
      await record({ action: "environment:configure", resource: `environments/${name}`, after: row.policy_digest });
    }
  });
}

/** Environments in order. */
export async function listEnvironments({ store }: Registry, tenant: string): Promise<readonly EnvironmentView[]> {
  const rows = await store.rows
    .selectFrom("environments")
    .selectAll()
    .where("tenant", "=", tenant)
    .orderBy("position")
    .execute();
  return rows.map(viewOf);
}

/** Throws NOT_FOUND. */
export async function findEnvironment(
  rows: Pick<Change["rows"], "selectFrom">,
  tenant: string,
  name: string,
): Promise<EnvironmentRow> {
  const row = await rows
    .selectFrom("environments")
    .selectAll()
    .where("tenant", "=", tenant)
    .where("name", "=", name)
    .executeTakeFirst();
  if (row === undefined) throw new RegistryError("NOT_FOUND", `there is no environment ${JSON.stringify(name)}`);
  return row;
}

/** Changes policy, key ring or the number of approvals. Throws INVALID with the place, NOT_FOUND, PRECONDITION_FAILED. */
export async function configureEnvironment(
  registry: Registry,
  principal: Principal,
  name: string,
  given: {
    readonly policy?: unknown;
    readonly keyRing?: unknown;
    readonly approvals?: number;
    readonly revision?: number;
  },
): Promise<EnvironmentView> {
  const policy =
    given.policy === undefined
      ? undefined
      : checked(() => parseGatePolicy(Buffer.from(JSON.stringify(given.policy)), "policy"));
  const keyRing =
    given.keyRing === undefined
      ? undefined
      : checked(() => parseKeyRing(Buffer.from(JSON.stringify(given.keyRing)), "keyRing"));
  const { tenant } = principal;
  await change(registry, principal, async ({ rows, record }) => {
    const before = await findEnvironment(rows, tenant, name);
    if (given.revision !== undefined && given.revision !== before.revision)
      throw new RegistryError(
        "PRECONDITION_FAILED",
        `${name} is at revision ${before.revision}, not ${given.revision}`,
      );
    const after = {
      ...(policy === undefined ? {} : { policy: canonicalJson(policy), policy_digest: digestOf(policy) }),
      ...(keyRing === undefined ? {} : { key_ring: canonicalJson(keyRing) }),
      ...(given.approvals === undefined ? {} : { approvals: given.approvals }),
      revision: before.revision + 1,
    };
    await rows.updateTable("environments").set(after).where("tenant", "=", tenant).where("name", "=", name).execute();
    await record({
      action: "environment:configure",
      resource: `environments/${name}`,
      before: digestOf(before),
      after: digestOf({ ...before, ...after }),
      details: { changed: Object.keys(after).filter((key) => key !== "revision") },
    });
  });
  return viewOf(await findEnvironment(registry.store.rows, tenant, name));
}

function viewOf({
  name,
  position,
  approvals,
  policy,
  policy_digest,
  key_ring,
  revision,
}: EnvironmentRow): EnvironmentView {
  return {
    name,
    position,
    approvals,
    policy: JSON.parse(policy),
    policyDigest: policy_digest,
    keyRing: JSON.parse(key_ring),
    revision,
  };
}

/** The caller's mistake, where a parser refuses what they gave. */
function checked<T>(parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    throw new RegistryError("INVALID", cause instanceof Error ? cause.message : String(cause), { cause });
  }
}
