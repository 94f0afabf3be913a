import { digestOf } from "@casemate/evidence";
import { RegistryError } from "../../errors.ts";
import { change } from "../../events/change.ts";
import type { Call } from "../../http/route.ts";
import { resourceOf, type VersionRow } from "../../models/version-rows.ts";
import { refuseIfServed } from "../../models/version-states.ts";
import { promotionResource } from "../../promotions/promotion-rows.ts";
import { requestPromotion } from "../../promotions/promotions.ts";
import { releasePromotion } from "../../promotions/release.ts";
import { modelResource } from "../../routes/models.ts";
import { type Stage, stages } from "./describe.ts";

/** A stage whatever its case. Throws INVALID. */
export function stageOf(text: string): Stage {
  const stage = stages.find((each) => each.toLowerCase() === text.toLowerCase());
  if (stage === undefined)
    throw new RegistryError(
      "INVALID",
      `Invalid Model Version stage: ${text.slice(0, 100)}. Value must be one of ${stages.join(", ")}.`,
    );
  return stage;
}

/**
 * Brings a version to a stage. Staging and Production are environments: what asks for them asks for a promotion, which is released at
 * once if nobody has to approve it or everybody has. Throws FORBIDDEN with what is missing otherwise, and CONFLICT where the gate refuses.
 */
export async function moveToStage(
  call: Pick<Call, "registry" | "principal" | "authorize">,
  row: VersionRow,
  stage: Stage,
  archivesOthers: boolean,
): Promise<void> {
  const { registry, principal, authorize } = call;
  const { tenant, model, version } = row;
  if (archivesOthers && stage !== "Staging" && stage !== "Production")
    throw new RegistryError(
      "INVALID",
      `Model version transition cannot archive existing model versions because '${stage}' is not an Active stage. Valid stages are Production, Staging`,
    );
  if (stage === "None" || stage === "Archived") {
    await authorize("version:update", modelResource(principal, model));
    return await shelve(call, row, stage === "Archived");
  }
  const environment = stage.toLowerCase();
  const served = await registry.store.rows
    .selectFrom("releases")
    .select("version")
    .where("tenant", "=", tenant)
    .where("environment", "=", environment)
    .where("model", "=", model)
    .executeTakeFirst();
  if (served?.version === version) return;
  const id = await promotionOf(call, row, environment);
  await authorize("promotion:release", await promotionResource(registry, tenant, id));
  await releasePromotion(registry, principal, id);
  if (archivesOthers && served !== undefined) await shelve(call, { ...row, version: served.version }, true);
}

/** An approved promotion of a version, asked for now if there is none. Throws FORBIDDEN where others have to approve it. */
async function promotionOf(
  { registry, principal, authorize }: Pick<Call, "registry" | "principal" | "authorize">,
  { tenant, model, version, root_digest }: VersionRow,
  environment: string,
): Promise<string> {
  const live = await registry.store.rows
    .selectFrom("promotions")
    .select(["id", "state", "approvals_needed"])
    .where("tenant", "=", tenant)
    .where("model", "=", model)
    .where("version", "=", version)
    .where("root_digest", "=", root_digest)
    .where("environment", "=", environment)
    .where("state", "in", ["open", "approved"])
    .where("expires_at", ">", registry.now())
    .orderBy("created_at", "desc")
    .executeTakeFirst();
  if (live?.state === "approved") return live.id;
  if (live === undefined) {
    await authorize("promotion:request", { ...modelResource(principal, model), environment });
    const { id, state, approvalsNeeded } = await requestPromotion(registry, principal, {
      model,
      version,
      environment,
      reason: "asked for by an MLflow client",
    });
    if (state === "approved") return id;
    throw waiting(id, environment, approvalsNeeded);
  }
  throw waiting(live.id, environment, live.approvals_needed);
}

function waiting(id: string, environment: string, approvals: number): RegistryError {
  return new RegistryError(
    "FORBIDDEN",
    `Promotion ${id} to ${environment} was requested and needs ${approvals} approval${approvals === 1 ? "" : "s"} by others than its author; ask for the stage again when it has them.`,
  );
}

/** Marks a version as archived, or not. What is released keeps its stage until that is revoked. */
async function shelve(
  { registry, principal }: Pick<Call, "registry" | "principal">,
  row: VersionRow,
  isArchived: boolean,
): Promise<void> {
  const { tenant, model, version } = row;
  await change(registry, principal, async ({ rows, record }) => {
    await refuseIfServed(rows, row);
    await rows
      .deleteFrom("archived_versions")
      .where("tenant", "=", tenant)
      .where("model", "=", model)
      .where("version", "=", version)
      .execute();
    if (isArchived)
      await rows.insertInto("archived_versions").values({ tenant, model, version, at: registry.now() }).execute();
    await record({ action: "version:update", resource: resourceOf(model, version), after: digestOf({ isArchived }) });
  });
}
