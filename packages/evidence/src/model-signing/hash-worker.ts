import { parentPort } from "node:worker_threads";
import { type HashJob, hashRange, newReadBuffer } from "./hash-range.ts";
import type { HashAlgorithm } from "./manifest.ts";

// A thread that hashes. It answers each batch with digests in its order, or with what went wrong.

export interface HashBatch {
  readonly jobs: readonly HashJob[];
  readonly algorithm: HashAlgorithm;
}

export type HashAnswer =
  | { readonly type: "progress"; readonly bytes: number }
  | { readonly type: "digests"; readonly digests: readonly string[] }
  | { readonly type: "failed"; readonly path: string; readonly reason: string };

const BYTES_BETWEEN_PROGRESS = 64 * 2 ** 20;

const buffer = newReadBuffer();
const say = (answer: HashAnswer): void => parentPort?.postMessage(answer);
let unsaid = 0;

parentPort?.on("message", ({ jobs, algorithm }: HashBatch) => {
  const digests: string[] = [];
  for (const job of jobs) {
    try {
      digests.push(hashRange(job, algorithm, buffer, hear));
    } catch (error) {
      say({ type: "failed", path: job.path, reason: error instanceof Error ? error.message : String(error) });
      return;
    }
  }
  say({ type: "progress", bytes: unsaid });
  unsaid = 0;
  say({ type: "digests", digests });
});

function hear(bytes: number): void {
  unsaid += bytes;
  if (unsaid < BYTES_BETWEEN_PROGRESS) return;
  say({ type: "progress", bytes: unsaid });
  unsaid = 0;
}
