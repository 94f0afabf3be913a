import Type from "typebox";
import { RegistryError } from "../errors.ts";
import type { Call } from "../http/route.ts";
import { type Route, route } from "../http/route.ts";
import { pageOf } from "./schemas.ts";

const ofTenant = ({ principal: { tenant } }: Pick<Call, "principal">) =>
  ({ tenant, type: "Tenant", id: tenant }) as const;

export const logRoutes: readonly Route[] = [
  route({
    method: "GET",
    path: "/api/v1/log/checkpoint",
    summary: "The latest signed checkpoint of the transparency log, and the key that verifies it",
    access: { type: "signed-in" },
    schema: { answer: Type.Object({ checkpoint: Type.String(), key: Type.String(), size: Type.Integer() }) },
    async handle({ registry: { log } }) {
      await log.settled();
      return { body: { checkpoint: log.entries.checkpoint, key: log.entries.vkey, size: log.entries.size } };
    },
  }),
  route({
    method: "GET",
    path: "/api/v1/events",
    summary: "What was done and what was denied, oldest first",
    access: { type: "action", action: "log:read", resource: ofTenant },
    schema: {
      query: Type.Object({
        after: Type.Optional(Type.Integer({ minimum: -1, description: "The sequence number of the last one known." })),
        limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
        resource: Type.Optional(Type.String({ maxLength: 1000 })),
      }),
      answer: pageOf(Type.Unknown()),
    },
    async handle({ registry: { store }, principal: { tenant }, query: { after = -1, limit = 100, resource } }) {
      const rows = await store.rows
        .selectFrom("events")
        .select(["sequence", "entry"])
        .where("tenant", "=", tenant)
        .where("sequence", ">", after)
        .$if(resource !== undefined, (query) => query.where("resource", "=", resource!))
        .orderBy("sequence")
        .limit(limit + 1)
        .execute();
      const page = rows.slice(0, limit);
      return {
        body: {
          items: page.map(({ entry }) => JSON.parse(entry)),
          ...(rows.length > limit ? { next: String(page.at(-1)!.sequence) } : {}),
        },
      };
    },
  }),
  route({
    method: "GET",
    path: "/api/v1/events/:sequence/proof",
    summary: "An event and the proof that the log has it (C2SP tlog-proof)",
    access: { type: "action", action: "log:read", resource: ofTenant },
    schema: {
      params: Type.Object({ sequence: Type.Integer({ minimum: 0 }) }),
      answer: Type.Object({ event: Type.String(), proof: Type.String(), key: Type.String() }),
    },
    async handle({ registry: { store, log }, principal: { tenant }, params: { sequence } }) {
      const row = await store.rows
        .selectFrom("events")
        .select("entry")
        .where("tenant", "=", tenant)
        .where("sequence", "=", sequence)
        .executeTakeFirst();
      if (row === undefined) throw new RegistryError("NOT_FOUND", `there is no event ${sequence}`);
      await log.settled();
      return { body: { event: row.entry, proof: await log.entries.proof(sequence), key: log.entries.vkey } };
    },
  }),
];
