import { createHmac } from "node:crypto";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { isMlflowEvent } from "../mlflow/webhooks/payload.ts";
import type { Registry } from "../registry.ts";
import { addressOf, checkWebhookUrl } from "./address.ts";

/** Sends what is due, until it is closed. */
export interface Deliveries {
  /** There may be something new. */
  wake(): void;
  /** Resolves when nothing is due. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

export interface DeliveryOptions {
  /** Whether addresses of this host and its networks, and plain HTTP, are allowed: for tests, and networks of one's own. */
  readonly allowPrivate?: boolean;
  readonly failed: (error: unknown) => void;
  /** Milliseconds before the second attempt; twice as long before each further one. */
  readonly firstWait?: number;
}

/** Over some three hours. */
const ATTEMPTS = 15;
const LONGEST_WAIT = 60 * 60 * 1000;
const TIMEOUT = 10_000;
const KEPT = 7 * 24 * 60 * 60 * 1000;

interface Due {
  readonly tenant: string;
  readonly webhook: string;
}

/**
 * Delivers events to webhooks, at least once, in the order of their numbers as far as nothing fails; one that does not answer holds up no
 * other. What waits is in a table, and so outlives the process. A redirect is a failure: it would lead around the check of the address.
 */
export function openDeliveries(
  registry: Registry,
  { allowPrivate = false, failed, firstWait = 1000 }: DeliveryOptions,
): Deliveries {
  const { store, now } = registry;
  const draining = new Map<string, Promise<void>>();
  let looking: Promise<void> | undefined;
  let isAsked = false;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;

  const waiting = () =>
    store.rows
      .selectFrom("webhook_deliveries as d")
      .innerJoin("webhooks as w", (join) => join.onRef("w.tenant", "=", "d.tenant").onRef("w.id", "=", "d.webhook"))
      .where("d.done_at", "is", null)
      .where("w.active", "=", 1);

  /** Starts on every webhook that something is due for. */
  async function look(): Promise<void> {
    while (isAsked && !isClosed) {
      isAsked = false;
      await store.write((rows) =>
        rows
          .deleteFrom("webhook_deliveries")
          .where("done_at", "<", now() - KEPT)
          .execute(),
      );
      const due = await waiting()
        .select(["d.tenant", "d.webhook"])
        .distinct()
        .where("d.next_at", "<=", now())
        .execute();
      for (const each of due) {
        const key = JSON.stringify([each.tenant, each.webhook]);
        if (draining.has(key)) continue;
        const drained = drain(each)
          .then(() => true)
          .catch((error) => failed(error))
          .then((isWhole) => {
            draining.delete(key);
            if (isWhole) wake(); // there may be something new, or to wait for
          });
        draining.set(key, drained);
      }
    }
    if (draining.size === 0) await sleepUntilNext();
  }

  async function drain({ tenant, webhook }: Due): Promise<void> {
    while (!isClosed) {
      const due = await waiting()
        .select(["d.tenant", "d.id", "d.attempts", "d.body", "w.url", "w.secret", "w.events"])
        .where("d.tenant", "=", tenant)
        .where("d.webhook", "=", webhook)
        .where("d.next_at", "<=", now())
        .orderBy("d.sequence")
        .limit(1)
        .executeTakeFirst();
      if (due === undefined) return;
      const { id, attempts, body, ...to } = due;
      const wait = Math.min(LONGEST_WAIT, firstWait * 2 ** attempts);
      // taken before it is sent, so that another process does not send it, too
      const taken = await store.write((rows) =>
        rows
          .updateTable("webhook_deliveries")
          .set({ attempts: attempts + 1, next_at: now() + TIMEOUT + wait })
          .where("tenant", "=", tenant)
          .where("id", "=", id)
          .where("attempts", "=", attempts)
          .where("done_at", "is", null)
          .executeTakeFirst(),
      );
      if (taken.numUpdatedRows === 0n) continue;
      const status = await sendOnce(to, { id, body, now: now(), allowPrivate });
      const isDone = /^2\d\d$/.test(status) || attempts + 1 >= ATTEMPTS;
      await store.write((rows) =>
        rows
          .updateTable("webhook_deliveries")
          .set({ last_status: status, next_at: now() + wait, done_at: isDone ? now() : null })
          .where("tenant", "=", tenant)
          .where("id", "=", id)
          .execute(),
      );
    }
  }

  async function sleepUntilNext(): Promise<void> {
    const next = await waiting()
      .select(({ fn }) => fn.min("d.next_at").as("at"))
      .executeTakeFirst();
    if (next?.at == null || isClosed) return;
    clearTimeout(timer);
    timer = setTimeout(wake, Math.max(0, next.at - now()));
    timer.unref();
  }

  function wake(): void {
    clearTimeout(timer);
    if (isClosed) return;
    isAsked = true;
    looking ??= look()
      .catch(failed)
      .finally(() => {
        looking = undefined;
        if (isAsked) wake();
      });
  }

  async function settled(): Promise<void> {
    while (looking !== undefined || draining.size > 0) await Promise.all([looking, ...draining.values()]);
  }

  return {
    wake,
    settled,
    async close() {
      isClosed = true;
      clearTimeout(timer);
      await settled();
    },
  };
}

/** Sends a signed body once: the status, or the reason why there is none. Webhooks of MLflow's clients get MLflow's headers. */
export async function sendOnce(
  { url, secret, events }: { readonly url: string; readonly secret: string; readonly events: string },
  {
    id,
    body,
    now,
    allowPrivate,
  }: { readonly id: string; readonly body: string; readonly now: number; readonly allowPrivate: boolean },
): Promise<string> {
  const timestamp = String(Math.floor(now / 1000));
  const signature = createHmac("sha256", secret).update(`${id}.${timestamp}.${body}`).digest("base64");
  const from = JSON.parse(events).some(isMlflowEvent) ? "x-mlflow" : "x-casemate";
  return await post(
    url,
    body,
    { [`${from}-delivery-id`]: id, [`${from}-timestamp`]: timestamp, [`${from}-signature`]: `v1,${signature}` },
    allowPrivate,
  );
}

/** One attempt: the status, or the reason why there is none. Answers are not read. */
async function post(
  text: string,
  body: string,
  headers: Readonly<Record<string, string>>,
  allowPrivate: boolean,
): Promise<string> {
  const signal = AbortSignal.timeout(TIMEOUT); // of all of it: names, connection, and an answer that comes byte by byte
  try {
    const url = checkWebhookUrl(text, { allowPrivate });
    const { address, family } = await inTime(addressOf(url.hostname, { allowPrivate }), signal);
    const request = url.protocol === "https:" ? httpsRequest : httpRequest;
    return await new Promise((resolve, reject) => {
      const sent = request(
        url,
        {
          method: "POST",
          headers: {
            "content-type": "application/json",
            "content-length": String(Buffer.byteLength(body)),
            "user-agent": "casemate",
            ...headers,
          },
          signal,
          agent: false,
          lookup: (_name, options, done) =>
            options.all ? done(null, [{ address, family }]) : done(null, address, family),
        },
        (response) => {
          response.destroy();
          resolve(String(response.statusCode));
        },
      );
      sent.on("error", reject);
      sent.end(body);
    });
  } catch (error) {
    if (signal.aborted) return "no answer in time";
    return error instanceof Error ? error.message.slice(0, 500) : String(error);
  }
}

async function inTime<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return await Promise.race([
    work,
    new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true })),
  ]);
}
