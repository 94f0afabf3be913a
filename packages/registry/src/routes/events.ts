import { Readable } from "node:stream";
import Type from "typebox";
import { covers, modelsFor, type Principal } from "../access/principal.ts";
import { type Call, type Route, route } from "../http/route.ts";
import { renew } from "../identity/authenticate.ts";

const HEARTBEAT = 15_000;
const BATCH = 200;

/** Server-sent events (HTML Living Standard, section 9.2): what happens to the models that one may read, as it happens. */
export const eventRoutes: readonly Route[] = [
  route({
    method: "GET",
    path: "/api/v1/events/stream",
    summary:
      "What happens to models that you may read, as server-sent events; Last-Event-ID takes up where a connection broke",
    access: { type: "filtered", action: "model:read" },
    schema: { query: Type.Object({ after: Type.Optional(Type.Integer({ minimum: -1 })) }) },
    async handle(call) {
      const last = Number(call.headers["last-event-id"] ?? call.query.after ?? Number.NaN);
      const after = Number.isSafeInteger(last) ? last : await lastSequence(call);
      return {
        headers: { "content-type": "text/event-stream; charset=utf-8", "x-accel-buffering": "no" },
        stream: Readable.from(happenings(call, after)),
      };
    },
  }),
];

async function* happenings(
  call: Pick<Call, "registry" | "principal" | "closing" | "stream">,
  from: number,
): AsyncGenerator<string> {
  const { registry, closing, stream } = call;
  let { principal } = call;
  let after = from;
  let isStale = false; // there may be more than what was read last
  let resume = (): void => undefined;
  const wake = (): void => {
    isStale = true;
    resume();
  };
  const forget = registry.log.subscribe(wake);
  closing.addEventListener("abort", wake);
  stream.on("close", wake);
  try {
    yield ": connected\n\n";
    while (!closing.aborted && !stream.destroyed) {
      const renewed = await renew(registry, principal); // what was taken away ends what it allowed
      if (renewed === undefined) return;
      principal = renewed;
      isStale = false;
      const rows = await registry.store.rows
        .selectFrom("events")
        .select(["sequence", "action", "resource", "entry"])
        .where("tenant", "=", principal.tenant)
        .where("sequence", ">", after)
        .orderBy("sequence")
        .limit(BATCH)
        .execute();
      for (const { sequence, action, resource, entry } of rows) {
        after = sequence;
        if (mayRead(principal, resource)) yield `id: ${sequence}\nevent: ${action}\ndata: ${entry}\n\n`;
      }
      if (rows.length > 0 || isStale) continue;
      const isQuiet = await new Promise<boolean>((resolve) => {
        const timer = setTimeout(() => resolve(true), HEARTBEAT);
        resume = () => {
          clearTimeout(timer);
          resolve(false);
        };
      });
      if (isQuiet) yield ": still here\n\n";
    }
  } finally {
    forget();
    closing.removeEventListener("abort", wake);
  }
}

/** Events about models go to who may read the model; all others to who may read the log of everything. */
function mayRead(principal: Principal, resource: string): boolean {
  const [, model] = /^(?:environments\/[^/]+\/)?models\/([^/]+)/.exec(resource) ?? [];
  if (model === undefined) return modelsFor(principal, "log:read").includes("*");
  return modelsFor(principal, "model:read").some((pattern) => covers(pattern, model));
}

async function lastSequence({ registry }: Pick<Call, "registry">): Promise<number> {
  const row = await registry.store.rows
    .selectFrom("events")
    .select(({ fn }) => fn.max("sequence").as("sequence"))
    .executeTakeFirst();
  return row?.sequence ?? -1;
}
