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

const ATTEMPTS = 8;
const TIMEOUT = 10_000;
const BATCH = 50;

/**
 * Delivers events to webhooks, at least once, in the order of their numbers as far as nothing fails. What waits is in a table, and so
 * outlives the process. A redirect is a failure: it would lead around the check of the address.
 */
export function openDeliveries(
  registry: Registry,
  { allowPrivate = false, failed, firstWait = 1000 }: DeliveryOptions,
): Deliveries {
  let running: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;

  async function run(): Promise<void> {
    while (!isClosed) {
      const due = await registry.store.rows
        .selectFrom("webhook_deliveries as d")
        .innerJoin("webhooks as w", (join) => join.onRef("w.tenant", "=", "d.tenant").onRef("w.id", "=", "d.webhook"))
        .select(["d.tenant", "d.id", "d.attempts", "d.body", "w.url", "w.secret", "w.events"])
        .where("d.done_at", "is", null)
        .where("d.next_at", "<=", registry.now())
        .where("w.active", "=", 1)
        .orderBy("d.sequence")
        .limit(BATCH)
        .execute();
      if (due.length === 0) return await sleepUntilNext();
      for (const each of due) await attempt(each);
    }
  }

  async function attempt({
    tenant,
    id,
    attempts,
    body,
    url,
    secret,
    events,
  }: {
    tenant: string;
    id: string;
    attempts: number;
    body: string;
    url: string;
    secret: string;
    events: string;
  }): Promise<void> {
    const status = await sendOnce({ url, secret, events }, { id, body, now: registry.now(), allowPrivate });
    const isDone = /^2\d\d$/.test(status) || attempts + 1 === ATTEMPTS;
    const wait = firstWait * 2 ** attempts;
    await registry.store.write((rows) =>
      rows
        .updateTable("webhook_deliveries")
        .set({
          attempts: attempts + 1,
          last_status: status,
          next_at: registry.now() + wait,
          done_at: isDone ? registry.now() : null,
        })
        .where("tenant", "=", tenant)
        .where("id", "=", id)
        .execute(),
    );
  }

  async function sleepUntilNext(): Promise<void> {
    const next = await registry.store.rows
      .selectFrom("webhook_deliveries")
      .select(({ fn }) => fn.min("next_at").as("at"))
      .where("done_at", "is", null)
      .executeTakeFirst();
    if (next?.at == null || isClosed) return;
    timer = setTimeout(wake, Math.max(firstWait / 10, next.at - registry.now()));
    timer.unref();
  }

  function wake(): void {
    clearTimeout(timer);
    if (isClosed) return;
    running ??= run()
      .catch(failed)
      .finally(() => {
        running = undefined;
      });
  }

  return {
    wake,
    async settled() {
      while (running !== undefined) await running;
    },
    async close() {
      isClosed = true;
      clearTimeout(timer);
      await running;
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
  try {
    const url = checkWebhookUrl(text, { allowPrivate });
    const { address, family } = await addressOf(url.hostname, { allowPrivate });
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
          timeout: TIMEOUT,
          agent: false,
          lookup: (_name, options, done) =>
            options.all ? done(null, [{ address, family }]) : done(null, address, family),
        },
        (response) => {
          response.destroy();
          resolve(String(response.statusCode));
        },
      );
      sent.on("timeout", () => sent.destroy(new Error("no answer in time")));
      sent.on("error", reject);
      sent.end(body);
    });
  } catch (error) {
    return error instanceof Error ? error.message.slice(0, 500) : String(error);
  }
}
