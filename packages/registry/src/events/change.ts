import { createHash } from "node:crypto";
import { canonicalJson } from "@casemate/evidence";
import { sql, type Transaction } from "kysely";
import type { Principal } from "../access/principal.ts";
import { RegistryError } from "../errors.ts";
import type { Registry } from "../registry.ts";
import type { Tables } from "../tables/tables.ts";
import { enqueue } from "../webhooks/enqueue.ts";

/** What is told of a change, or of an attempt that was denied. Personal data and anything large stand here by digest only. */
export interface EventFields {
  /** What was done, such as `version:create`. */
  readonly action: string;
  /** To what, such as `models/digits/versions/3`. */
  readonly resource: string;
  readonly outcome?: "done" | "denied";
  /** SHA-256 of the state before and after, or of what the change is about. */
  readonly before?: string;
  readonly after?: string;
  readonly reason?: string;
  /** Whatever else matters; plain JSON, small. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** A transaction that changes something, with what must be told about it. */
export interface Change {
  readonly rows: Transaction<Tables>;
  /** Adds an event to the same transaction; returns its sequence number, which is its index in the log. */
  record(event: EventFields): Promise<number>;
}

/** The log's entries hold 65,535 bytes at most (C2SP tlog-tiles). */
const MAXIMUM_ENTRY = 65_535;

/**
 * Changes rows and writes the events about it in one transaction: neither is there without the other. Changes come one after
 * the other, so that the numbers of events have no gaps. `work` may run more than once.
 */
export async function change<T>(
  { store, log, now, randomBytes }: Registry,
  actor: Principal,
  work: (change: Change) => Promise<T>,
): Promise<T> {
  const result = await store.write(async (rows) => {
    // before the transaction's snapshot is taken, so that one waits for the other instead of failing
    if (store.dialect === "postgres") await sql`lock table events in share row exclusive mode`.execute(rows);
    return await work({ rows, record: (event) => append(rows, actor, event, { at: now(), salt: randomBytes(16) }) });
  });
  log.wake();
  return result;
}

/**
 * The log cannot forget, so it names people by their account's id and says where they asked from by a salted digest; address and salt are
 * kept beside it, where they can be erased.
 */
async function append(
  rows: Transaction<Tables>,
  actor: Principal,
  fields: EventFields,
  { at, salt }: { readonly at: number; readonly salt: Buffer },
): Promise<number> {
  const { action, resource, outcome = "done", before, after, reason, details } = fields;
  const last = await rows
    .selectFrom("events")
    .select(({ fn }) => fn.max("sequence").as("sequence"))
    .executeTakeFirst();
  const sequence = last?.sequence == null ? 0 : last.sequence + 1;
  const entry = canonicalJson({
    schema: "casemate-event/1",
    sequence,
    at: new Date(at).toISOString(),
    tenant: actor.tenant,
    actor: {
      id: actor.id,
      kind: actor.kind,
      method: actor.method,
      credential: actor.credential,
      from: createHash("sha256").update(salt).update(actor.address).digest("hex"),
    },
    action,
    resource,
    outcome,
    before,
    after,
    reason,
    details,
  });
  if (Buffer.byteLength(entry) > MAXIMUM_ENTRY)
    throw new RegistryError("TOO_LARGE", `the event about ${resource} has more than ${MAXIMUM_ENTRY} bytes`);
  await rows
    .insertInto("events")
    .values({ sequence, tenant: actor.tenant, at, actor: actor.id, action, resource, entry })
    .execute();
  await rows
    .insertInto("event_addresses")
    .values({ sequence, tenant: actor.tenant, address: actor.address, salt: salt.toString("hex") })
    .execute();
  await enqueue(rows, { tenant: actor.tenant, sequence, action, entry, at });
  return sequence;
}
