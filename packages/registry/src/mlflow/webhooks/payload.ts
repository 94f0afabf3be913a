import type { Transaction } from "kysely";
import type { Tables } from "../../tables/tables.ts";

/** What MLflow calls events; of prompts and of stages there are none here. */
export const mlflowEvents = [
  "REGISTERED_MODEL.CREATED",
  "MODEL_VERSION.CREATED",
  "MODEL_VERSION_TAG.SET",
  "MODEL_VERSION_TAG.DELETED",
  "MODEL_VERSION_ALIAS.CREATED",
  "MODEL_VERSION_ALIAS.DELETED",
] as const;
export type MlflowEvent = (typeof mlflowEvents)[number];

/** Whether a webhook was made by an MLflow client: it is told in MLflow's words. */
export function isMlflowEvent(event: string): boolean {
  return (mlflowEvents as readonly string[]).includes(event);
}

/** The body that an MLflow client expects of an event of ours, if it is one that it wants; rows are as the event's transaction sees them. */
export async function mlflowBodyOf(
  rows: Transaction<Tables>,
  tenant: string,
  entry: string,
  wanted: readonly string[],
): Promise<string | undefined> {
  if (!wanted.some(isMlflowEvent)) return undefined;
  const { action, resource, outcome, at, details = {}, after } = JSON.parse(entry);
  const [, model = "", kind, name = ""] = String(resource).split("/");
  if (outcome !== "done") return undefined;
  const event = eventOf(action, kind, details, after);
  if (event === undefined || !wanted.includes(event)) return undefined;
  const [entity, verb] = event.split(".");
  return JSON.stringify({
    entity: entity!.toLowerCase(),
    action: verb!.toLowerCase(),
    timestamp: at,
    data: await data(),
  });

  async function data() {
    switch (event) {
      case "REGISTERED_MODEL.CREATED": {
        const row = await rows
          .selectFrom("models")
          .select("description")
          .where("tenant", "=", tenant)
          .where("name", "=", model)
          .executeTakeFirstOrThrow();
        const tags = await rows
          .selectFrom("model_tags")
          .select(["key", "value"])
          .where("tenant", "=", tenant)
          .where("model", "=", model)
          .execute();
        return { name: model, tags: byKey(tags), description: row.description };
      }
      case "MODEL_VERSION.CREATED": {
        const { source, run_id, description } = await rows
          .selectFrom("versions")
          .select(["source", "run_id", "description"])
          .where("tenant", "=", tenant)
          .where("model", "=", model)
          .where("version", "=", Number(name))
          .executeTakeFirstOrThrow();
        return { name: model, version: name, source, run_id, tags: byKey(await versionTags()), description };
      }
      case "MODEL_VERSION_TAG.SET": {
        const value = (await versionTags()).find(({ key }) => key === details.tag)?.value;
        return { name: model, version: name, key: details.tag, value };
      }
      case "MODEL_VERSION_TAG.DELETED":
        return { name: model, version: name, key: details.tag };
      case "MODEL_VERSION_ALIAS.CREATED":
        return { name: model, alias: name, version: String(details.version) };
      default:
        return { name: model, alias: name };
    }
  }

  async function versionTags() {
    return await rows
      .selectFrom("version_tags")
      .select(["key", "value"])
      .where("tenant", "=", tenant)
      .where("model", "=", model)
      .where("version", "=", Number(name))
      .execute();
  }
}

function eventOf(
  action: string,
  kind: string | undefined,
  details: { readonly tag?: string; readonly version?: number | null },
  after: string | undefined,
): MlflowEvent | undefined {
  if (action === "model:create") return "REGISTERED_MODEL.CREATED";
  if (action === "version:create") return "MODEL_VERSION.CREATED";
  if (action === "version:update" && kind === "versions" && details.tag !== undefined)
    return after === undefined ? "MODEL_VERSION_TAG.DELETED" : "MODEL_VERSION_TAG.SET";
  if (action === "alias:set")
    return details.version === null ? "MODEL_VERSION_ALIAS.DELETED" : "MODEL_VERSION_ALIAS.CREATED";
  return undefined;
}

function byKey(tags: readonly { readonly key: string; readonly value: string }[]): Readonly<Record<string, string>> {
  return Object.fromEntries(tags.map(({ key, value }) => [key, value]));
}
