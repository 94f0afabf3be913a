import type { TransparencyLog } from "@casemate/evidence";
import type { Store } from "@casemate/store";
import type { Tables } from "../tables/tables.ts";

/** Carries events from the table into the log, in order, soon after they are committed. */
export interface EventLog {
  /** There is something new. */
  wake(): void;
  /** Calls `listener` at each wake, until the function that is returned is called. */
  subscribe(listener: () => void): () => void;
  /** Resolves when all that was committed before is in the log. */
  settled(): Promise<void>;
  /** The log itself: size, checkpoint, proofs. */
  readonly entries: Pick<
    TransparencyLog,
    "origin" | "vkey" | "size" | "checkpoint" | "entry" | "proof" | "consistency"
  >;
  close(): Promise<void>;
}

const BATCH = 1000;

/**
 * Starts where the log ends, so that after a crash nothing is missing and nothing is there twice. `failed` is told when the log
 * cannot be written; the events wait in their table and the next `wake` tries again.
 */
export function openEventLog(store: Store<Tables>, log: TransparencyLog, failed: (error: unknown) => void): EventLog {
  const listeners = new Set<() => void>();
  let running: Promise<void> | undefined;
  let isAsked = false;
  let isClosed = false;

  async function carry(): Promise<void> {
    while (isAsked && !isClosed) {
      isAsked = false;
      for (;;) {
        const events = await store.rows
          .selectFrom("events")
          .select("entry")
          .where("sequence", ">=", log.size)
          .orderBy("sequence")
          .limit(BATCH)
          .execute();
        if (events.length === 0) break;
        await log.append(events.map(({ entry }) => Buffer.from(entry)));
      }
    }
  }

  function wake(): void {
    isAsked = true;
    for (const listener of listeners) listener();
    running ??= carry()
      .catch(failed)
      .finally(() => {
        running = undefined;
        if (isAsked && !isClosed) wake();
      });
  }

  return {
    entries: log,
    wake,
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    async settled() {
      wake();
      while (running !== undefined) await running;
    },
    async close() {
      await running;
      isClosed = true;
      await log.close();
    },
  };
}
