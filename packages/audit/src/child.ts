import { audit } from "./audit.ts";
import { AuditError } from "./errors.ts";
import type { AuditEvent } from "./events.ts";
import type { ToChild, ToParent } from "./parent/messages.ts";

// The process that runs the checks. It knows its parent only: no terminal, no signals.

const MILLISECONDS_BETWEEN_PROGRESS = 100;

const stop = new AbortController();
let lastProgress = 0;

process.on("SIGINT", () => {}); // a terminal sends Ctrl-C to both; what becomes of it is the parent's to decide
process.on("disconnect", () => process.exit(1));
process.on("message", (message: ToChild) => {
  switch (message.type) {
    case "run":
      void run(message);
      break;
    case "stop":
      stop.abort(message.interruption);
      break;
  }
});

async function run({ subjects, options }: Extract<ToChild, { type: "run" }>): Promise<void> {
  try {
    const events = audit(subjects, { ...options, signal: stop.signal });
    let next = await events.next();
    while (!next.done) {
      if (isWorthSending(next.value)) await send({ type: "event", event: next.value });
      next = await events.next();
    }
    await send({ type: "done", status: next.value.status });
  } catch (error) {
    await send(failure(error));
  }
  process.exit();
}

function isWorthSending({ type }: AuditEvent): boolean {
  if (type !== "progress") return true;
  const now = performance.now();
  if (now - lastProgress < MILLISECONDS_BETWEEN_PROGRESS) return false;
  lastProgress = now;
  return true;
}

function failure(error: unknown): ToParent {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  return {
    type: "failed",
    message,
    ...(error instanceof AuditError && { code: error.code }),
    ...(stack !== undefined && { stack }),
  };
}

function send(message: ToParent): Promise<void> {
  return new Promise((resolve, reject) => {
    process.send?.(message, (error: Error | null) => (error ? reject(error) : resolve()));
  });
}
