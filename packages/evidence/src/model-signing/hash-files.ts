import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { EvidenceError } from "../errors.ts";
import { type HashJob, hashRange, newReadBuffer } from "./hash-range.ts";
import type { HashAnswer, HashBatch } from "./hash-worker.ts";
import type { HashAlgorithm } from "./manifest.ts";

export interface HashOptions {
  /** How many ranges are hashed at the same time. */
  readonly threads?: number;
  readonly signal?: AbortSignal;
}

const BYTES_WITHOUT_THREADS = 4 * 2 ** 20; // are hashed before a thread would have started
const BATCH_BYTES = 8 * 2 ** 20;
const BATCH_JOBS = 256;

/** The digests of ranges, in their order, hashed in threads, the large ones first. Yields the bytes done so far. Throws NOT_READABLE. */
export async function* hashFiles(
  jobs: readonly HashJob[],
  algorithm: HashAlgorithm,
  { threads = availableParallelism(), signal }: HashOptions = {},
): AsyncGenerator<number, readonly string[]> {
  const total = jobs.reduce((sum, { start, end }) => sum + end - start, 0);
  if (total <= BYTES_WITHOUT_THREADS) return hashHere(jobs, algorithm);
  const digests = new Array<string>(jobs.length);
  const batches = batchesOf(jobs);
  const workers: Worker[] = [];
  let done = 0;
  let left = batches.length;
  let failure: unknown;
  let wake = (): void => {};
  const fail = (error: unknown): void => {
    failure ??= error;
    wake();
  };
  const abort = (): void => fail(signal?.reason);
  signal?.addEventListener("abort", abort);
  const start = (): Worker => {
    const worker = new Worker(workerFile());
    let batch: readonly number[] = [];
    const next = (): void => {
      batch = batches.shift() ?? [];
      if (batch.length > 0)
        worker.postMessage({ jobs: batch.map((index) => jobs[index]!), algorithm } satisfies HashBatch);
    };
    worker.on("error", fail);
    worker.on("message", (answer: HashAnswer) => {
      if (answer.type === "failed")
        fail(new EvidenceError("NOT_READABLE", `cannot hash ${answer.path}: ${answer.reason}`));
      else if (answer.type === "progress") done += answer.bytes;
      else {
        for (const [place, index] of batch.entries()) digests[index] = answer.digests[place]!;
        left--;
        next();
      }
      wake();
    });
    next();
    return worker;
  };
  try {
    signal?.throwIfAborted();
    for (let index = Math.min(threads, batches.length); index > 0; index--) workers.push(start());
    while (left > 0) {
      if (failure !== undefined) throw failure;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      yield done;
    }
    return digests;
  } finally {
    signal?.removeEventListener("abort", abort);
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

function hashHere(jobs: readonly HashJob[], algorithm: HashAlgorithm): readonly string[] {
  const buffer = newReadBuffer();
  return jobs.map((job) => {
    try {
      return hashRange(job, algorithm, buffer, () => {});
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new EvidenceError("NOT_READABLE", `cannot hash ${job.path}: ${reason}`, { cause });
    }
  });
}

/** Places of jobs: a large one alone, small ones together, so that no thread waits for messages or is left with a large one at the end. */
function batchesOf(jobs: readonly HashJob[]): number[][] {
  const bytes = (index: number): number => jobs[index]!.end - jobs[index]!.start;
  const batches: number[][] = [];
  let size = Number.POSITIVE_INFINITY;
  for (const index of [...jobs.keys()].sort((a, b) => bytes(b) - bytes(a))) {
    if (size + bytes(index) > BATCH_BYTES || batches.at(-1)!.length >= BATCH_JOBS) {
      batches.push([]);
      size = 0;
    }
    batches.at(-1)!.push(index);
    size += bytes(index);
  }
  return batches;
}

/** The built file also where this one runs from its source, since threads of Node 20 read no TypeScript. */
function workerFile(): URL {
  const isSource = import.meta.url.endsWith(".ts");
  return new URL(isSource ? "../../dist/model-signing/hash-worker.js" : "./hash-worker.js", import.meta.url);
}
