import type { GateDecision } from "@casemate/evidence";
import type { Principal } from "../access/principal.ts";
import { findEnvironment } from "../environments/environments.ts";
import { RegistryError } from "../errors.ts";
import { change } from "../events/change.ts";
import { findVersion } from "../models/version-rows.ts";
import type { Registry } from "../registry.ts";
import type { PromotionState } from "../tables/tables.ts";
import { explainDecision, judgeVersion } from "./judge.ts";
import { findPromotion, type PromotionRow, requireLive, setState } from "./promotion-rows.ts";

/** A wish to release a version in an environment, and what became of it. */
export interface PromotionView {
  readonly id: string;
  readonly model: string;
  readonly version: number;
  readonly rootDigest: string;
  readonly environment: string;
  readonly state: PromotionState;
  readonly author: string;
  readonly reason: string;
  readonly policyDigest: string;
  readonly approvalsNeeded: number;
  readonly approvals: readonly {
    readonly approver: string;
    readonly verdict: "approve" | "refuse";
    readonly comment: string;
    readonly at: string;
  }[];
  readonly decision: GateDecision;
  readonly createdAt: string;
  readonly expiresAt: string;
  readonly revision: number;
}

const DAY = 24 * 60 * 60 * 1000;

/**
 * Asks for a version to be released. It is about these very files, by their digest. Throws CONFLICT with the reasons, in plain words,
 * where the version is not ready or the environment's gate refuses it; the refusal is logged.
 */
export async function requestPromotion(
  registry: Registry,
  principal: Principal,
  given: {
    readonly model: string;
    readonly version: number;
    readonly environment: string;
    readonly reason?: string;
    readonly days?: number;
  },
): Promise<PromotionView> {
  const { tenant } = principal;
  const { model, version, reason = "", days = 14 } = given;
  if (!(days > 0 && days <= 90)) throw new RegistryError("INVALID", `days: expected at most 90, got ${days}`);
  const row = await findVersion(registry.store.rows, tenant, model, version);
  const environment = await findEnvironment(registry.store.rows, tenant, given.environment);
  if (row.state !== "ready")
    throw new RegistryError(
      "CONFLICT",
      `version ${version} of ${row.model} is ${row.state}, not ready: ${row.state_reason}`,
    );
  const decision = await judgeVersion(registry, row, environment);
  const id = `p-${registry.randomBytes(9).toString("base64url")}`;
  const resource = `promotions/${id}`;
  const about = {
    model: row.model,
    version,
    environment: environment.name,
    rootDigest: row.root_digest,
    policyDigest: environment.policy_digest,
  };
  if (!decision.passes) {
    await change(registry, principal, ({ record }) =>
      record({
        action: "promotion:request",
        resource,
        outcome: "denied",
        reason: explainDecision(decision),
        details: about,
      }),
    );
    throw new RegistryError(
      "CONFLICT",
      `${environment.name} refuses version ${version} of ${row.model}:\n${explainDecision(decision)}`,
    );
  }
  await change(registry, principal, async ({ rows, record }) => {
    const at = registry.now();
    await rows
      .insertInto("promotions")
      .values({
        tenant,
        id,
        model: row.model,
        version,
        root_digest: row.root_digest,
        environment: environment.name,
        state: environment.approvals === 0 ? "approved" : "open",
        author: principal.id,
        reason,
        policy_digest: environment.policy_digest,
        approvals_needed: environment.approvals,
        decision: JSON.stringify(decision),
        created_at: at,
        expires_at: at + days * DAY,
        closed_at: null,
        revision: 1,
      })
      .execute();
    await record({ action: "promotion:request", resource, after: row.root_digest, reason, details: about });
  });
  return await getPromotion(registry, tenant, id);
}

/** Says yes or no to a promotion. Throws FORBIDDEN for its author and the version's, CONFLICT for another digest or a closed promotion. */
export async function voteOnPromotion(
  registry: Registry,
  principal: Principal,
  id: string,
  {
    verdict,
    rootDigest,
    comment = "",
  }: { readonly verdict: "approve" | "refuse"; readonly rootDigest: string; readonly comment?: string },
): Promise<PromotionView> {
  const { tenant } = principal;
  await refuseAuthors(registry, principal, id);
  await change(registry, principal, async ({ rows, record }) => {
    const promotion = await findPromotion(rows, tenant, id);
    requireLive(promotion, ["open", "approved"], registry.now());
    const version = await findVersion(rows, tenant, promotion.model, promotion.version);
    if (rootDigest !== promotion.root_digest || version.root_digest !== promotion.root_digest)
      throw new RegistryError("CONFLICT", `the promotion is about ${promotion.root_digest}, not about ${rootDigest}`);
    const earlier = await rows
      .selectFrom("approvals")
      .select("verdict")
      .where("tenant", "=", tenant)
      .where("promotion", "=", id)
      .where("approver", "=", principal.id)
      .executeTakeFirst();
    if (earlier !== undefined)
      throw new RegistryError("CONFLICT", `${principal.name} has said ${earlier.verdict} already`);
    await rows
      .insertInto("approvals")
      .values({
        tenant,
        promotion: id,
        approver: principal.id,
        verdict,
        root_digest: rootDigest,
        comment,
        at: registry.now(),
      })
      .execute();
    const approvals = await rows
      .selectFrom("approvals")
      .select(({ fn }) => fn.countAll<number>().as("count"))
      .where("tenant", "=", tenant)
      .where("promotion", "=", id)
      .where("verdict", "=", "approve")
      .executeTakeFirstOrThrow();
    const state =
      verdict === "refuse" ? "refused" : Number(approvals.count) >= promotion.approvals_needed ? "approved" : "open";
    await setState(rows, promotion, state, registry.now());
    await record({
      action: "promotion:approve",
      resource: `promotions/${id}`,
      after: rootDigest,
      reason: comment,
      details: { verdict, state },
    });
  });
  return await getPromotion(registry, tenant, id);
}

/** Throws FORBIDDEN, and logs the attempt, where somebody made the promotion or its version. Neither changes hands. */
async function refuseAuthors(registry: Registry, principal: Principal, id: string): Promise<void> {
  const { rows } = registry.store;
  const { model, version, author } = await findPromotion(rows, principal.tenant, id);
  const made = await findVersion(rows, principal.tenant, model, version);
  if (principal.id !== author && principal.id !== made.author) return;
  const reason = "authors do not approve what is theirs";
  await change(registry, principal, ({ record }) =>
    record({ action: "promotion:approve", resource: `promotions/${id}`, outcome: "denied", reason }),
  );
  throw new RegistryError("FORBIDDEN", reason);
}

/** Takes a promotion back; where it was released, nothing is served any more. Throws CONFLICT where it is closed. */
export async function revokePromotion(
  registry: Registry,
  principal: Principal,
  id: string,
  reason: string,
): Promise<PromotionView> {
  const { tenant } = principal;
  await change(registry, principal, async ({ rows, record }) => {
    const promotion = await findPromotion(rows, tenant, id);
    if (!["open", "approved", "promoted"].includes(promotion.state))
      throw new RegistryError("CONFLICT", `promotion ${id} is ${promotion.state}`);
    const { environment, model } = promotion;
    await setState(rows, promotion, "revoked", registry.now());
    const sequence = await record({
      action: "promotion:revoke",
      resource: `promotions/${id}`,
      before: promotion.root_digest,
      reason,
      details: { from: promotion.state, environment, model, version: promotion.version },
    });
    const { numDeletedRows } = await rows
      .deleteFrom("releases")
      .where("tenant", "=", tenant)
      .where("promotion", "=", id)
      .executeTakeFirst();
    if (numDeletedRows === 0n) return;
    await rows
      .deleteFrom("aliases")
      .where("tenant", "=", tenant)
      .where("model", "=", model)
      .where("alias", "=", environment)
      .execute();
    await rows
      .insertInto("alias_changes")
      .values({ tenant, model, alias: environment, sequence, version: null, actor: principal.id, at: registry.now() })
      .execute();
  });
  return await getPromotion(registry, tenant, id);
}

/** Throws NOT_FOUND. */
export async function getPromotion({ store, now }: Registry, tenant: string, id: string): Promise<PromotionView> {
  const row = await findPromotion(store.rows, tenant, id);
  const approvals = await store.rows
    .selectFrom("approvals")
    .selectAll()
    .where("tenant", "=", tenant)
    .where("promotion", "=", id)
    .orderBy("at")
    .execute();
  return {
    id: row.id,
    model: row.model,
    version: row.version,
    rootDigest: row.root_digest,
    environment: row.environment,
    state: (row.state === "open" || row.state === "approved") && row.expires_at <= now() ? "expired" : row.state,
    author: row.author,
    reason: row.reason,
    policyDigest: row.policy_digest,
    approvalsNeeded: row.approvals_needed,
    approvals: approvals.map(({ approver, verdict, comment, at }) => ({
      approver,
      verdict,
      comment,
      at: new Date(at).toISOString(),
    })),
    decision: JSON.parse(row.decision),
    createdAt: new Date(row.created_at).toISOString(),
    expiresAt: new Date(row.expires_at).toISOString(),
    revision: row.revision,
  };
}

/** Promotions of a model, newest first, those that follow `after`. Throws NOT_FOUND where there is no such promotion. */
export async function listPromotions(
  { store }: Registry,
  tenant: string,
  { model, after, limit = 100 }: { readonly model?: string; readonly after?: string; readonly limit?: number },
): Promise<readonly PromotionRow[]> {
  const last = after === undefined ? undefined : await findPromotion(store.rows, tenant, after);
  return await store.rows
    .selectFrom("promotions")
    .selectAll()
    .where("tenant", "=", tenant)
    .$if(model !== undefined, (query) => query.where("model", "=", model!.normalize("NFC")))
    .$if(last !== undefined, (query) =>
      query.where(({ eb, or, and }) =>
        or([
          eb("created_at", "<", last!.created_at),
          and([eb("created_at", "=", last!.created_at), eb("id", ">", last!.id)]),
        ]),
      ),
    )
    .orderBy("created_at", "desc")
    .orderBy("id")
    .limit(limit)
    .execute();
}
