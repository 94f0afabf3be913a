import { digestOf } from "@casemate/evidence";
import type { Selectable } from "kysely";
import type { Principal } from "../../access/principal.ts";
import { RegistryError } from "../../errors.ts";
import { type Change, change } from "../../events/change.ts";
import type { Registry } from "../../registry.ts";
import type { MlflowTables } from "../tables.ts";
import { type Entry, setEntries } from "./entries.ts";
import type { ExperimentRow } from "./experiments.ts";

export type RunRow = Selectable<MlflowTables["runs"]>;
export const runStatuses = ["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"] as const;

/** The tag that MLflow keeps a run's name in, too. */
const NAME_TAG = "mlflow.runName";

/** A run, deleted or not. Throws NOT_FOUND. */
export async function findRun(rows: Pick<Change["rows"], "selectFrom">, tenant: string, id: string): Promise<RunRow> {
  const row = await rows
    .selectFrom("runs")
    .selectAll()
    .where("tenant", "=", tenant)
    .where("id", "=", id)
    .executeTakeFirst();
  if (row === undefined) throw new RegistryError("NOT_FOUND", `Run with id=${id.slice(0, 64)} not found`);
  return row;
}

/** Throws INVALID for a run that was deleted: it takes no more values. */
export function requireActive({ id, deleted_at }: RunRow): void {
  if (deleted_at !== null)
    throw new RegistryError("INVALID", `The run ${id} must be in the 'active' state. Current state is deleted.`);
}

/** Begins a run. Throws INVALID in an experiment that was deleted. */
export async function createRun(
  registry: Registry,
  principal: Principal,
  experiment: ExperimentRow,
  given: {
    readonly run_name?: string;
    readonly user_id?: string;
    readonly start_time?: number;
    readonly tags?: readonly Entry[];
  },
): Promise<string> {
  if (experiment.deleted_at !== null)
    throw new RegistryError(
      "INVALID",
      `The experiment ${experiment.id} must be in the 'active' state. Current state is deleted.`,
    );
  const { tenant } = principal;
  const id = registry.randomBytes(16).toString("hex");
  const { tags = [], user_id = "", start_time = registry.now() } = given;
  const named = tags.find(({ key }) => key === NAME_TAG)?.value;
  const name = given.run_name || named || `run-${id.slice(0, 8)}`;
  await change(registry, principal, async ({ rows, record }) => {
    await rows
      .insertInto("runs")
      .values({
        tenant,
        id,
        experiment: experiment.id,
        name,
        user_id,
        status: "RUNNING",
        start_time,
        end_time: null,
        deleted_at: null,
      })
      .execute();
    await setEntries(rows, "run_tags", { tenant, run: id }, [...tags, { key: NAME_TAG, value: name }]);
    await record({
      action: "experiment:write",
      resource: `experiments/${experiment.id}/runs/${id}`,
      after: digestOf({ name, tags, start_time }),
    });
  });
  return id;
}

/** Changes status, end or name of a run. */
export async function updateRun(
  registry: Registry,
  principal: Principal,
  run: RunRow,
  given: { readonly status?: string; readonly end_time?: number; readonly run_name?: string },
): Promise<RunRow> {
  requireActive(run);
  const changed = {
    ...run,
    status: given.status ?? run.status,
    end_time: given.end_time ?? run.end_time,
    name: given.run_name || run.name,
  };
  await change(registry, principal, async ({ rows, record }) => {
    const { status, end_time, name } = changed;
    await rows
      .updateTable("runs")
      .set({ status, end_time, name })
      .where("tenant", "=", run.tenant)
      .where("id", "=", run.id)
      .execute();
    if (name !== run.name)
      await setEntries(rows, "run_tags", { tenant: run.tenant, run: run.id }, [{ key: NAME_TAG, value: name }]);
    await record({
      action: "experiment:write",
      resource: resourceOf(run),
      before: digestOf(run),
      after: digestOf(changed),
    });
  });
  return changed;
}

/** Hides a run, or shows it again. */
export async function deleteRun(
  registry: Registry,
  principal: Principal,
  run: RunRow,
  isDeleted: boolean,
): Promise<void> {
  const deleted_at = isDeleted ? registry.now() : null;
  await change(registry, principal, async ({ rows, record }) => {
    await rows
      .updateTable("runs")
      .set({ deleted_at })
      .where("tenant", "=", run.tenant)
      .where("id", "=", run.id)
      .execute();
    await record({
      action: "experiment:delete",
      resource: resourceOf(run),
      before: digestOf({ deleted_at: run.deleted_at }),
      after: digestOf({ deleted_at }),
    });
  });
}

/** Sets tags of a run, or takes those away that have no value; the tag of its name is its name. */
export async function tagRun(rows: Change["rows"], { tenant, id }: RunRow, tags: readonly Entry[]): Promise<void> {
  await setEntries(rows, "run_tags", { tenant, run: id }, tags);
  const name = tags.findLast(({ key }) => key === NAME_TAG)?.value;
  if (name !== undefined)
    await rows.updateTable("runs").set({ name }).where("tenant", "=", tenant).where("id", "=", id).execute();
}

/** Takes a tag of a run away. Throws NOT_FOUND. */
export async function untagRun(registry: Registry, principal: Principal, run: RunRow, key: string): Promise<void> {
  requireActive(run);
  await change(registry, principal, async ({ rows, record }) => {
    const { numDeletedRows } = await rows
      .deleteFrom("run_tags")
      .where("tenant", "=", run.tenant)
      .where("run", "=", run.id)
      .where("key", "=", key)
      .executeTakeFirst();
    if (numDeletedRows === 0n)
      throw new RegistryError("NOT_FOUND", `No tag with name: ${key} in run with id ${run.id}`);
    await record({ action: "experiment:write", resource: resourceOf(run), details: { untagged: digestOf(key) } });
  });
}

export interface GivenInput {
  readonly dataset: {
    readonly name: string;
    readonly digest: string;
    readonly source_type: string;
    readonly source: string;
    readonly schema?: string;
    readonly profile?: string;
  };
  readonly tags?: readonly { readonly key: string; readonly value: string }[];
}

/** Notes data sets and models that a run took or made. */
export async function logInputs(
  registry: Registry,
  principal: Principal,
  run: RunRow,
  given: {
    readonly datasets?: readonly GivenInput[];
    readonly models?: readonly { readonly model_id: string; readonly step?: number }[];
    readonly direction: "input" | "output";
  },
): Promise<void> {
  requireActive(run);
  const { datasets = [], models = [], direction } = given;
  const owner = { tenant: run.tenant, run: run.id };
  await change(registry, principal, async ({ rows, record }) => {
    for (const { dataset, tags = [] } of datasets) {
      const { name, digest, source_type, source, schema = null, profile = null } = dataset;
      const context = tags.find(({ key }) => key === "mlflow.data.context")?.value ?? "";
      await rows
        .insertInto("run_inputs")
        .values({ ...owner, name, digest, source_type, source, schema, profile, context, tags: JSON.stringify(tags) })
        .onConflict((conflict) => conflict.columns(["tenant", "run", "name", "digest"]).doNothing())
        .execute();
    }
    for (const { model_id, step = 0 } of models)
      await rows
        .insertInto("run_models")
        .values({ ...owner, direction, model: model_id, step })
        .onConflict((conflict) => conflict.columns(["tenant", "run", "direction", "model"]).doUpdateSet({ step }))
        .execute();
    await record({
      action: "experiment:write",
      resource: resourceOf(run),
      after: digestOf({ datasets, models, direction }),
    });
  });
}

/** `experiments/1/runs/…`, as events name it. */
export function resourceOf({ experiment, id }: RunRow): string {
  return `experiments/${experiment}/runs/${id}`;
}
