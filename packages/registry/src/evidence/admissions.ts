import type { Registry } from "../registry.ts";
import { admit } from "./admit.ts";

/** Looks at pending versions, one after the other, in the background. */
export interface Admissions {
  /** There may be a new one. */
  wake(): void;
  /** Resolves when none is pending any more, or none can be looked at. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

/** Begins with what was left pending. `failed` is told of versions that could not be looked at; they stay pending until the next wake. */
export function openAdmissions(registry: Registry, failed: (error: unknown) => void): Admissions {
  let running: Promise<void> | undefined;
  let isAsked = false;
  let isClosed = false;

  async function run(): Promise<void> {
    while (isAsked && !isClosed) {
      isAsked = false;
      const pending = await registry.store.rows
        .selectFrom("versions")
        .select(["tenant", "model", "version"])
        .where("state", "=", "pending")
        .orderBy("created_at")
        .execute();
      for (const { tenant, model, version } of pending) {
        if (isClosed) return;
        await admit(registry, tenant, model, version).catch(failed);
      }
    }
  }

  function wake(): void {
    isAsked = true;
    if (isClosed) return;
    running ??= run()
      .catch(failed)
      .finally(() => {
        running = undefined;
        if (isAsked) wake();
      });
  }

  return {
    wake,
    async settled() {
      wake();
      while (running !== undefined) await running;
    },
    async close() {
      isClosed = true;
      await running;
    },
  };
}
