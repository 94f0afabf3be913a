import Type from "typebox";
import type { Principal, Resource } from "../access/principal.ts";
import { RegistryError } from "../errors.ts";
import { addEvidence, listEvidence, readEvidence } from "../evidence/evidence.ts";
import { revisionIn } from "../http/revision.ts";
import { type Route, route } from "../http/route.ts";
import { filesOf, findVersion, firstEnvironment, requireHandedOut } from "../models/version-rows.ts";
import { moveVersion } from "../models/version-states.ts";
import { createVersion, describeVersion, getVersion, listVersions, tagVersion } from "../models/versions.ts";
import type { Registry } from "../registry.ts";
import { modelResource } from "./models.ts";
import { Evidence, ModelParams, NewVersion, pageOf, Reason, Sha256, Version, VersionParams } from "./schemas.ts";

const of = ({
  principal,
  params,
}: {
  readonly principal: Principal;
  readonly params: { readonly model: string };
}): Resource => modelResource(principal, params.model);

/** With its author, whom some policies ask for. */
async function versionResource({
  registry,
  principal,
  params: { model, version },
}: {
  readonly registry: Registry;
  readonly principal: Principal;
  readonly params: { readonly model: string; readonly version: number };
}): Promise<Resource> {
  const row = await registry.store.rows
    .selectFrom("versions")
    .select("author")
    .where("tenant", "=", principal.tenant)
    .where("model", "=", model.normalize("NFC"))
    .where("version", "=", version)
    .executeTakeFirst();
  return {
    ...modelResource(principal, model),
    id: `${model.normalize("NFC")}/${version}`,
    ...(row === undefined ? {} : { author: row.author }),
  };
}

const ReasonBody = Type.Object({ reason: Reason }, { additionalProperties: false });
const TagParams = Type.Object({
  model: Type.String(),
  version: Type.Integer({ minimum: 1 }),
  key: Type.String({ minLength: 1, maxLength: 250 }),
});
const FileParams = Type.Object({
  model: Type.String(),
  version: Type.Integer({ minimum: 1 }),
  "*": Type.String({ maxLength: 1024 }),
});
const VersionSummary = Type.Omit(Version, ["files", "tags", "aliases"]);

/** What `woken` is told: there is a version to look at. */
export function versionRoutes(woken: () => void): readonly Route[] {
  return [
    route({
      method: "PUT",
      path: "/api/v1/models/:model/blobs/:sha256",
      summary: "Upload a file by its SHA-256, before the version that has it",
      access: { type: "action", action: "version:create", resource: of },
      schema: {
        params: Type.Object({ model: Type.String(), sha256: Sha256 }),
        answer: Type.Object({ sha256: Sha256, size: Type.Integer() }),
      },
      async handle({ registry, principal, params: { sha256 }, stream }) {
        const { blob_prefix } = await firstEnvironment(registry, principal.tenant);
        return { body: await registry.store.blobs.put(blob_prefix, stream, { sha256 }) };
      },
    }),
    route({
      method: "POST",
      path: "/api/v1/models/:model/versions",
      summary: "Add a version of uploaded files; it is pending until it was scanned",
      access: { type: "action", action: "version:create", resource: of },
      schema: { params: ModelParams, body: NewVersion, answer: Version },
      bodyLimit: 32 * 1024 * 1024,
      async handle({ registry, principal, params: { model }, body: { signature, ...given } }) {
        const added = await createVersion(registry, principal, model, {
          ...given,
          ...(signature === undefined ? {} : { evidence: Buffer.from(JSON.stringify(signature)) }),
        });
        woken();
        return {
          status: 201,
          headers: { location: `/api/v1/models/${encodeURIComponent(added.model)}/versions/${added.version}` },
          body: added,
        };
      },
    }),
    route({
      method: "GET",
      path: "/api/v1/models/:model/versions",
      summary: "Versions of a model, newest first",
      access: { type: "action", action: "model:read", resource: of },
      schema: {
        params: ModelParams,
        query: Type.Object({
          limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
          after: Type.Optional(Type.Integer({ minimum: 1, description: "`next` of the page before." })),
        }),
        answer: pageOf(VersionSummary),
      },
      async handle({ registry, principal, params: { model }, query: { limit = 100, after } }) {
        const found = await listVersions(registry, principal.tenant, model, {
          limit: limit + 1,
          ...(after === undefined ? {} : { before: after }),
        });
        const items = found.slice(0, limit);
        return { body: { items, ...(found.length > limit ? { next: String(items.at(-1)!.version) } : {}) } };
      },
    }),
    route({
      method: "GET",
      path: "/api/v1/models/:model/versions/:version",
      summary: "One version with its manifest",
      access: { type: "action", action: "model:read", resource: of },
      schema: { params: VersionParams, answer: Version },
      async handle({ registry, principal, params: { model, version } }) {
        const found = await getVersion(registry, principal.tenant, model, version);
        return { headers: { etag: `"${found.revision}"` }, body: found };
      },
    }),
    route({
      method: "PATCH",
      path: "/api/v1/models/:model/versions/:version",
      summary: "Describe a version",
      access: { type: "action", action: "version:update", resource: versionResource },
      schema: {
        params: VersionParams,
        body: Type.Object({ description: Type.String({ maxLength: 10_000 }) }, { additionalProperties: false }),
        answer: Version,
      },
      async handle({ registry, principal, params: { model, version }, body: { description }, headers }) {
        await describeVersion(registry, principal, model, version, description, revisionIn(headers));
        const described = await getVersion(registry, principal.tenant, model, version);
        return { headers: { etag: `"${described.revision}"` }, body: described };
      },
    }),
    route({
      method: "PUT",
      path: "/api/v1/models/:model/versions/:version/tags/:key",
      summary: "Set a tag of a version",
      access: { type: "action", action: "version:update", resource: versionResource },
      schema: {
        params: TagParams,
        body: Type.Object({ value: Type.String({ maxLength: 100_000 }) }, { additionalProperties: false }),
      },
      async handle({ registry, principal, params: { model, version, key }, body: { value } }) {
        await tagVersion(registry, principal, model, version, key, value);
        return {};
      },
    }),
    route({
      method: "DELETE",
      path: "/api/v1/models/:model/versions/:version/tags/:key",
      summary: "Take a tag of a version away",
      access: { type: "action", action: "version:update", resource: versionResource },
      schema: { params: TagParams },
      async handle({ registry, principal, params: { model, version, key } }) {
        await tagVersion(registry, principal, model, version, key, undefined);
        return {};
      },
    }),
    ...(
      [
        ["quarantine", "quarantined", "version:quarantine", "Refuse a version at every load from now on"],
        ["release-quarantine", "ready", "version:release-quarantine", "Let a version out of quarantine"],
        ["retire", "retired", "version:retire", "Take a version out of use"],
      ] as const
    ).map(([verb, to, action, summary]) =>
      route({
        method: "POST",
        path: `/api/v1/models/:model/versions/:version/${verb}`,
        summary,
        access: { type: "action", action, resource: versionResource },
        schema: { params: VersionParams, body: ReasonBody, answer: Version },
        async handle({ registry, principal, params: { model, version }, body: { reason } }) {
          await moveVersion(registry, principal, { model, version, to, action, reason });
          return { body: await getVersion(registry, principal.tenant, model, version) };
        },
      }),
    ),
    route({
      method: "DELETE",
      path: "/api/v1/models/:model/versions/:version",
      summary: "Delete a version that no environment serves; a tombstone with its digests stays",
      access: { type: "action", action: "version:delete", resource: versionResource },
      schema: { params: VersionParams, query: Type.Object({ reason: Reason }) },
      async handle({ registry, principal, params: { model, version }, query: { reason } }) {
        await moveVersion(registry, principal, { model, version, to: "deleted", action: "version:delete", reason });
        return {};
      },
    }),
    route({
      method: "GET",
      path: "/api/v1/models/:model/versions/:version/files/*",
      summary: "One file of a version that is ready or retired",
      access: { type: "action", action: "version:download", resource: versionResource },
      schema: { params: FileParams },
      async handle({ registry, principal, params: { model, version, "*": path } }) {
        const row = await findVersion(registry.store.rows, principal.tenant, model, version);
        requireHandedOut(row);
        const file = (await filesOf(registry.store.rows, row)).find((each) => each.path === path);
        if (file === undefined)
          throw new RegistryError("NOT_FOUND", `version ${version} of ${model} has no file ${JSON.stringify(path)}`);
        const { blob_prefix } = await firstEnvironment(registry, principal.tenant);
        return {
          headers: {
            "content-type": "application/octet-stream",
            "content-length": String(file.size),
            "content-disposition": "attachment",
            etag: `"${file.sha256}"`,
          },
          stream: await registry.store.blobs.get(blob_prefix, file.sha256),
        };
      },
    }),
    route({
      method: "POST",
      path: "/api/v1/models/:model/versions/:version/evidence",
      summary: "Add a signed bundle that is about this version",
      access: { type: "action", action: "evidence:add", resource: versionResource },
      schema: { params: VersionParams, body: Type.Object({}, { additionalProperties: true }), answer: Evidence },
      bodyLimit: 16 * 1024 * 1024,
      async handle({ registry, principal, params: { model, version }, body }) {
        return {
          status: 201,
          body: await addEvidence(registry, principal, model, version, Buffer.from(JSON.stringify(body))),
        };
      },
    }),
    route({
      method: "GET",
      path: "/api/v1/models/:model/versions/:version/evidence",
      summary: "What is known about a version, oldest first",
      access: { type: "action", action: "evidence:read", resource: of },
      schema: { params: VersionParams, answer: Type.Object({ items: Type.Array(Evidence) }) },
      async handle({ registry, principal, params: { model, version } }) {
        return {
          body: {
            items: await listEvidence(
              registry,
              await findVersion(registry.store.rows, principal.tenant, model, version),
            ),
          },
        };
      },
    }),
    route({
      method: "GET",
      path: "/api/v1/models/:model/versions/:version/evidence/:id",
      summary: "A signed bundle",
      access: { type: "action", action: "evidence:read", resource: of },
      schema: { params: Type.Object({ model: Type.String(), version: Type.Integer({ minimum: 1 }), id: Sha256 }) },
      async handle({ registry, principal, params: { model, version, id } }) {
        const row = await findVersion(registry.store.rows, principal.tenant, model, version);
        if (!(await listEvidence(registry, row)).some((each) => each.id === id))
          throw new RegistryError("NOT_FOUND", `version ${version} of ${row.model} has no evidence ${id}`);
        return {
          headers: { "content-type": "application/json" },
          body: JSON.parse((await readEvidence(registry, principal.tenant, id)).toString("utf8")),
        };
      },
    }),
  ];
}
