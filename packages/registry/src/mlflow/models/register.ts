import { RegistryError } from "../../errors.ts";
import type { Call } from "../../http/route.ts";
import { createVersion, type VersionView } from "../../models/versions.ts";
import { modelResource } from "../../routes/models.ts";
import { checkOwner, filesBelow } from "../artifacts/artifacts.ts";
import { type Place, sourceOf } from "../artifacts/place.ts";
import { experimentResource } from "../tracking/experiments.ts";
import { findLoggedModel } from "../tracking/logged-models.ts";
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
    readonly description?: string;
    readonly tags?: readonly { readonly key: string; readonly value: string }[];
  },
): Promise<VersionView> {
  const { tenant } = principal;
  const { name, source, description, tags = [] } = given;
  const { place, runId } = await placeBehind();
  if (place.type === "version") await authorize("version:download", modelResource(principal, place.model));
  else {
    await checkOwner(registry, tenant, place);
    await authorize("experiment:read", experimentResource(principal, place.experiment));
  }
  const files = await filesBelow(registry, tenant, place);
  if (files.length === 0)
    throw new RegistryError("INVALID", `Invalid model version source: there are no files at ${JSON.stringify(source)}`);
  const run = given.run_id || runId;
  return await createVersion(registry, principal, name, {
    files,
    source,
    tags: Object.fromEntries(tags.map(({ key, value }) => [key, value])),
    ...(description === undefined ? {} : { description }),
    ...(run === undefined || run === "" ? {} : { runId: run }),
    ...(place.type === "version" ? { parent: { model: place.model, version: place.version } } : {}),
  });

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
