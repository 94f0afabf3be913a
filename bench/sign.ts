import { createHash, randomFillSync } from "node:crypto";
import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, readSync, rmSync, writeSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import {
  generateKey,
  resultOf,
  type SignModelOptions,
  signerFromFile,
  signModel,
  verifyModel,
} from "@casemate/evidence";
import { median } from "./median.ts";

/**
 * Prints how fast a signed model of 2 GB is verified beside one thread that reads and hashes the same bytes, in turns, with the files in
 * the page cache: by the clock, where both cores count if they are free, and by the processor time that a byte takes.
 */
const GIGABYTE = 2 ** 30;
const MEGABYTE = 2 ** 20;
const rounds = 5;
const cores = availableParallelism();

const folder = mkdtempSync(join(tmpdir(), "casemate-bench-"));
try {
  const publicKey = await generateKey(join(folder, "key.pem"), "ecdsa-p256");
  const signer = await signerFromFile(join(folder, "key.pem"));
  const many = join(folder, "many");
  writeModel(
    many,
    Array.from({ length: 8 }, () => (2 * GIGABYTE) / 8),
  );
  const small = join(folder, "small");
  writeModel(
    small,
    Array.from({ length: 2048 }, () => MEGABYTE / 4),
  );
  const cases: readonly [string, string, SignModelOptions][] = [
    ["8 files of 256 MB", many, {}],
    ["8 files of 256 MB, in shards of 100 MB", many, { method: "shards", shardSize: 100_000_000 }],
    ["2,048 files of 256 kB", small, {}],
  ];
  for (const [name, model, options] of cases) {
    const { bundle, bytes } = await resultOf(signModel(model, signer, options));
    const alone: Cost[] = [];
    const verified: Cost[] = [];
    for (let round = 0; round <= rounds; round++) {
      const hashing = await costOf(async () => hashAll(model));
      const verifying = await costOf(async () => {
        const verdict = await resultOf(verifyModel(model, bundle, { type: "keys", keys: [publicKey] }));
        if (!verdict.verified) throw new Error(`${name}: not verified`);
      });
      if (round === 0) continue;
      alone.push(hashing);
      verified.push(verifying);
    }
    const of = (costs: readonly Cost[], what: keyof Cost): number => median(costs.map((cost) => cost[what]));
    const speed = (seconds: number): string => `${seconds.toFixed(2)} s (${(bytes / seconds / 1e9).toFixed(2)} GB/s)`;
    const [one, ours] = [of(alone, "seconds"), of(verified, "seconds")];
    console.log(
      `${name}: verified in ${speed(ours)}, SHA-256 on one thread ${speed(one)}: ${(one / ours).toFixed(2)} times one thread on ${cores} cores; ` +
        `${((100 * of(alone, "cpu")) / of(verified, "cpu")).toFixed(0)}% of SHA-256's speed per core (at least 80%)`,
    );
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function writeModel(path: string, sizes: readonly number[]): void {
  mkdirSync(path);
  const block = randomFillSync(Buffer.alloc(MEGABYTE));
  for (const [index, size] of sizes.entries()) {
    const file = openSync(join(path, `${String(index).padStart(5, "0")}.bin`), "w");
    for (let at = 0; at < size; at += block.length) {
      block.writeUInt32LE(index, 0);
      block.writeUInt32LE(at / block.length, 4);
      writeSync(file, block, 0, Math.min(block.length, size - at));
    }
    closeSync(file);
  }
}

function hashAll(path: string): void {
  const buffer = Buffer.alloc(MEGABYTE);
  for (const name of readdirSync(path)) {
    const hash = createHash("sha256");
    const file = openSync(join(path, name), "r");
    for (let read = readSync(file, buffer); read > 0; read = readSync(file, buffer))
      hash.update(buffer.subarray(0, read));
    closeSync(file);
    hash.digest();
  }
}

interface Cost {
  readonly seconds: number;
  /** Of all threads together, in seconds: what other work on the machine does not change. */
  readonly cpu: number;
}

async function costOf(work: () => Promise<void>): Promise<Cost> {
  const start = performance.now();
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return { seconds: (performance.now() - start) / 1000, cpu: (user + system) / 1e6 };
}
