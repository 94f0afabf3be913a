import { RegistryError } from "../../errors.ts";
import type { Call } from "../../http/route.ts";
import { findVersion, requireHandedOut } from "../../models/version-rows.ts";
import { createVersion, type VersionView } from "../../models/versions.ts";
import { modelResource } from "../../routes/models.ts";
import { checkOwner, filesBelow } from "../artifacts/artifacts.ts";
import { type Place, sourceOf } from "../artifacts/place.ts";
import { experimentResource } from "../tracking/experiments.ts";
import { findLoggedModel, updateLoggedModel } from "../tracking/logged-models.ts";
import { findRun } from "../tracking/runs.ts";

/**
 * Makes a version of what a source names, as it is now: the manifest holds every file's digest, so that nothing that happens to the
 * run afterwards changes the version. Whoever asks must be allowed to read the source. Throws INVALID for a source of elsewhere.
 */
export async function registerVersion(
  { registry, principal, authorize }: Pick<Call, "registry" | "principal" | "authorize">,
  given: {
    readonly name: string;
    readonly source: string;
    readonly run_id?: string;
    readonly model_id?: string;
    readonly description?: string;
    readonly tags?: readonly { readonly key: string; readonly value: string }[];
  },
): Promise<VersionView> {
  const { tenant } = principal;
  const { name, source, description, tags = [] } = given;
  const { place, runId } = await placeBehind();
  if (place.type === "version") {
    await authorize("version:download", modelResource(principal, place.model));
    requireHandedOut(await findVersion(registry.store.rows, tenant, place.model, place.version));
  } else {
    await checkOwner(registry, tenant, place);
    await authorize("experiment:read", experimentResource(principal, place.experiment));
  }
  const files = await filesBelow(registry, tenant, place);
  if (files.length === 0)
    throw new RegistryError("INVALID", `Invalid model version source: there are no files at ${JSON.stringify(source)}`);
  const run = given.run_id || runId;
  const made = await createVersion(registry, principal, name, {
    files,
    source,
    tags: Object.fromEntries(tags.map(({ key, value }) => [key, value])),
    ...(description === undefined ? {} : { description }),
    ...(run === undefined || run === "" ? {} : { runId: run }),
    ...(place.type === "version" ? { parent: { model: place.model, version: place.version } } : {}),
  });
  if (place.type === "model" && given.model_id === place.owner)
    await noteVersion({ registry, principal }, place.owner, made);
  return made;

  async function placeBehind(): Promise<{ readonly place: Place; readonly runId?: string }> {
    const asked = sourceOf(source);
    const { rows } = registry.store;
    switch (asked.type) {
      case "place":
        return asked.place.type === "run" ? { place: asked.place, runId: asked.place.owner } : { place: asked.place };
      case "copy":
        return { place: { type: "version", model: asked.model, version: asked.version, path: "" } };
      case "run": {
        const { id, experiment } = await findRun(rows, tenant, asked.run);
        return { place: { type: "run", experiment, owner: id, path: asked.path }, runId: id };
      }
      case "logged-model": {
        const { id, experiment, source_run } = await findLoggedModel(rows, tenant, asked.id);
        return { place: { type: "model", experiment, owner: id, path: "" }, runId: source_run };
      }
    }
  }
}

const VERSIONS_TAG = "mlflow.modelVersions";

/** Tells a logged model of the version that was made of it, as MLflow's server does, where the caller may change the model. */
async function noteVersion(
  { registry, principal }: Pick<Call, "registry" | "principal">,
  id: string,
  { model, version }: VersionView,
): Promise<void> {
  const { tenant } = principal;
  const row = await findLoggedModel(registry.store.rows, tenant, id);
  const resource = experimentResource(principal, row.experiment);
  if (!registry.policies.decide(principal, "experiment:write", resource).isAllowed) return;
  const tag = await registry.store.rows
    .selectFrom("logged_model_tags")
    .select("value")
    .where("tenant", "=", tenant)
    .where("model", "=", id)
    .where("key", "=", VERSIONS_TAG)
    .executeTakeFirst();
  const value = JSON.stringify([...versionsIn(tag?.value), { name: model, version }]);
  await updateLoggedModel(registry, principal, row, { tags: [{ key: VERSIONS_TAG, value }] });
}

/** What a client left in the tag, if it is a list. */
function versionsIn(text: string | undefined): readonly unknown[] {
  try {
    const list = JSON.parse(text ?? "[]");
    return Array.isArray(list) ? list.slice(-100) : [];
  } catch {
    return [];
  }
}
