import Type from "typebox";
import type { Action } from "../../access/actions.ts";
import type { Principal } from "../../access/principal.ts";
import { RegistryError } from "../../errors.ts";
import { type Reply, type Route, route } from "../../http/route.ts";
import type { Registry } from "../../registry.ts";
import { modelResource } from "../../routes/models.ts";
import { RunKey } from "../schemas.ts";
import { experimentResource } from "../tracking/experiments.ts";
import { onRun, runOf } from "../tracking/run-routes.ts";
import { checkOwner, deleteArtifacts, listArtifacts, openArtifact, putArtifact } from "./artifacts.ts";
import { type Place, placeOf } from "./place.ts";

const Path = Type.Object({ "*": Type.String({ minLength: 1, maxLength: 1500 }) });
const VersionPath = Type.Object({
  model: Type.String({ maxLength: 400 }),
  version: Type.String({ maxLength: 15 }),
  "*": Type.String({ minLength: 1, maxLength: 1024 }),
});

interface Sent {
  readonly registry: Registry;
  readonly principal: Principal;
  readonly params: unknown;
}

/** The run's or logged model's place that a path names. Files of versions have routes of their own. */
function ownedPlace({ params }: Sent): Extract<Place, { type: "run" | "model" }> {
  const place = placeOf((params as { "*": string })["*"]);
  if (place.type !== "version") return place;
  throw new RegistryError("FORBIDDEN", "The files of a version do not change");
}

/** A right to the experiment that the path names, which must be the one that the run or logged model belongs to. */
const onOwned = (action: Action) => ({
  type: "action" as const,
  action,
  resource: async (call: Sent) => {
    const place = ownedPlace(call);
    await checkOwner(call.registry, call.principal.tenant, place);
    return experimentResource(call.principal, place.experiment);
  },
});

async function download(registry: Registry, tenant: string, place: Place): Promise<Reply> {
  const { file, stream } = await openArtifact(registry, tenant, place);
  return {
    headers: {
      "content-type": "application/octet-stream",
      "content-length": String(file.size),
      "content-disposition": "attachment",
      "x-content-type-options": "nosniff",
      etag: `"${file.sha256}"`,
    },
    stream,
  };
}

const UNSUPPORTED = "Multipart upload is not supported for the current artifact repository";

export const artifactRoutes: readonly Route[] = [
  route({
    method: "GET",
    path: "/mlflow-artifacts/artifacts",
    summary: "Names of the files and folders in a folder",
    access: { type: "filtered", action: "experiment:read" }, // a version's right is asked below: it is another one
    schema: { query: Type.Object({ path: Type.String({ minLength: 1, maxLength: 1500 }) }) },
    async handle({ registry, principal, query, authorize }) {
      const place = placeOf(query.path);
      if (place.type === "version") await authorize("model:read", modelResource(principal, place.model));
      else {
        await checkOwner(registry, principal.tenant, place);
        await authorize("experiment:read", experimentResource(principal, place.experiment));
      }
      return { body: { files: await listArtifacts(registry, principal.tenant, place) } };
    },
  }),
  route({
    method: "GET",
    path: "/mlflow-artifacts/artifacts/versions/:model/:version/*",
    summary: "One file of a registered version",
    access: {
      type: "action",
      action: "version:download",
      resource: ({ principal, params: { model } }) => modelResource(principal, model),
    },
    schema: { params: VersionPath },
    handle: ({ registry, principal, params: { model, version, "*": path } }) =>
      download(registry, principal.tenant, placeOf(`versions/${model}/${version}/${path}`)),
  }),
  route({
    method: "GET",
    path: "/mlflow-artifacts/artifacts/*",
    summary: "One file of a run or logged model",
    access: onOwned("experiment:read"),
    schema: { params: Path },
    handle: (call) => download(call.registry, call.principal.tenant, ownedPlace(call)),
  }),
  route({
    method: "PUT",
    path: "/mlflow-artifacts/artifacts/*",
    summary: "Store a file of a run or logged model",
    access: onOwned("experiment:write"),
    schema: { params: Path },
    async handle(call) {
      await putArtifact(call.registry, call.principal, ownedPlace(call), call.stream);
      return { body: {} };
    },
  }),
  route({
    method: "DELETE",
    path: "/mlflow-artifacts/artifacts/*",
    summary: "Delete a file of a run, or all in a folder",
    access: onOwned("experiment:delete"),
    schema: { params: Path },
    async handle(call) {
      await deleteArtifacts(call.registry, call.principal, ownedPlace(call));
      return { body: {} };
    },
  }),
  ...(["create", "complete", "abort"] as const).map((step) =>
    route({
      method: "POST",
      path: `/mlflow-artifacts/mpu/${step}/*`,
      summary: "Declined in the words that make a client send the file in one piece",
      access: onOwned("experiment:write"),
      schema: { params: Path, body: Type.Object({}, { additionalProperties: true }) },
      handle: async () => ({ status: 501, body: { error_code: "NOT_IMPLEMENTED", message: UNSUPPORTED } }),
    }),
  ),
  route({
    method: "GET",
    path: "/mlflow/artifacts/list",
    summary: "Files and folders of a run, by their paths in it",
    access: onRun("experiment:read"),
    schema: {
      query: Type.Object({
        ...RunKey,
        path: Type.Optional(Type.String({ maxLength: 1024 })),
        page_token: Type.Optional(Type.String({ maxLength: 100 })),
      }),
    },
    async handle(call) {
      const { experiment, id } = await runOf(call);
      const path = (call.query.path ?? "").replace(/(?:^|\/)\.?\/*$/, "");
      const found = await listArtifacts(call.registry, call.principal.tenant, {
        type: "run",
        experiment,
        owner: id,
        path,
      });
      return {
        body: {
          root_uri: `mlflow-artifacts:/${experiment}/${id}/artifacts`,
          files: found.map((each) => ({ ...each, path: path === "" ? each.path : `${path}/${each.path}` })),
        },
      };
    },
  }),
];
