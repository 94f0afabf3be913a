import { createHash } from "node:crypto";
import type { Principal } from "../access/principal.ts";
import { RegistryError } from "../errors.ts";
import type { Registry } from "../registry.ts";
import type { Reply } from "./route.ts";

/** A request that may come twice, as its sender names it (draft-ietf-httpapi-idempotency-key-header). */
export interface KeyedRequest {
  readonly key: string;
  readonly method: string;
  readonly url: string;
  readonly body: unknown;
  /** Whether the answer may not be kept. */
  readonly isSecret: boolean;
}

/** How long an answer is kept, and how long a request may be under way before it counts as lost. */
const LIFETIME = 24 * 60 * 60 * 1000;
const LONGEST_RUN = 10 * 60 * 1000;
const RUNNING = 0;
const NOT_KEPT = "";

/**
 * Answers a request once: the same request with the same key gets the same answer again, without being done again. Throws INVALID for
 * what is no key, and CONFLICT for the key of another request, while the first is under way, and where its answer was not kept. What failed
 * may be tried again.
 */
export async function answerOnce(
  registry: Registry,
  principal: Principal,
  request: KeyedRequest,
  answer: () => Promise<Reply>,
): Promise<Reply> {
  const { tenant, id: actor } = principal;
  const { key, method, url, body, isSecret } = request;
  if (!/^[\x21-\x7e]{1,255}$/.test(key))
    throw new RegistryError("INVALID", "Idempotency-Key: expected 1 to 255 visible ASCII characters");
  const digest = createHash("sha256")
    .update(JSON.stringify([method, url, body ?? null]))
    .digest("hex");
  const earlier = await begin(registry, { tenant, actor, key, digest });
  if (earlier !== undefined) return earlier;
  const own = (rows: Parameters<Parameters<Registry["store"]["write"]>[0]>[0]) =>
    rows
      .updateTable("idempotent_requests")
      .where("tenant", "=", tenant)
      .where("actor", "=", actor)
      .where("key", "=", key);
  try {
    const reply = await answer();
    const kept = isSecret ? NOT_KEPT : JSON.stringify({ headers: reply.headers ?? {}, body: reply.body });
    await registry.store.write((rows) =>
      own(rows)
        .set({ status: reply.status ?? (reply.body === undefined ? 204 : 200), body: kept })
        .execute(),
    );
    return reply;
  } catch (error) {
    await registry.store.write((rows) =>
      rows
        .deleteFrom("idempotent_requests")
        .where("tenant", "=", tenant)
        .where("actor", "=", actor)
        .where("key", "=", key)
        .execute(),
    );
    throw error;
  }
}

/** Takes the key for this request; the earlier answer, where there is one. */
async function begin(
  { store, now }: Registry,
  {
    tenant,
    actor,
    key,
    digest,
  }: { readonly tenant: string; readonly actor: string; readonly key: string; readonly digest: string },
): Promise<Reply | undefined> {
  return await store.write(async (rows) => {
    const at = now();
    await rows
      .deleteFrom("idempotent_requests")
      .where("created_at", "<", at - LIFETIME)
      .execute();
    await rows
      .deleteFrom("idempotent_requests")
      .where("status", "=", RUNNING)
      .where("created_at", "<", at - LONGEST_RUN)
      .execute();
    const row = await rows
      .selectFrom("idempotent_requests")
      .selectAll()
      .where("tenant", "=", tenant)
      .where("actor", "=", actor)
      .where("key", "=", key)
      .executeTakeFirst();
    if (row === undefined) {
      await rows
        .insertInto("idempotent_requests")
        .values({ tenant, actor, key, request: digest, status: RUNNING, body: "", created_at: at })
        .execute();
      return undefined;
    }
    if (row.request !== digest) throw new RegistryError("CONFLICT", "Idempotency-Key: it was used for another request");
    if (row.status === RUNNING)
      throw new RegistryError("CONFLICT", "the first request with this Idempotency-Key is under way");
    if (row.body === NOT_KEPT)
      throw new RegistryError("CONFLICT", "it was done; the answer held a secret that is shown only once");
    const { headers, body } = JSON.parse(row.body);
    return {
      status: row.status,
      headers: { ...headers, "idempotency-replayed": "true" },
      ...(body === undefined ? {} : { body }),
    };
  });
}
