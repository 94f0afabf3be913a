import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, expect, test } from "vitest";
import { copyLog, generateKey, signerFromFile } from "../../src/index.ts";
import { verifyCheckpoint } from "../../src/log/checkpoint.ts";
import { leafHash, nodeHash, verifyConsistency, verifyInclusion } from "../../src/log/merkle.ts";
import { parseNoteKey } from "../../src/log/note.ts";
import { openLog } from "../../src/log/open-log.ts";
import { verifyProof } from "../../src/log/proof.ts";
import { verifyLog } from "../../src/log/verify-log.ts";

let folder: string;
let keyFile: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "casemate-log-"));
  keyFile = join(folder, "key.pem");
  await generateKey(keyFile, "ed25519");
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const open = async () =>
  await openLog(join(folder, "log"), { origin: "example.com/log", signer: await signerFromFile(keyFile) });
const policyOf = (vkey: string) => ({ logs: [parseNoteKey(vkey)], witnesses: [], quorum: undefined });
const entryOf = (index: number): Buffer => Buffer.from(`entry ${index}`);

function treeHash(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 0) return createHash("sha256").digest();
  if (leaves.length === 1) return leaves[0]!;
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  return nodeHash(treeHash(leaves.slice(0, k)), treeHash(leaves.slice(k)));
}

test("its roots are RFC 6962's at every size, however the entries come and however often it is opened", async () => {
  const first = await open();
  const key = parseNoteKey(first.vkey);
  await first.close();
  let size = 0;
  const checkpoints: string[] = [];
  for (const count of [1, 0, 2, 250, 3, 1, 300, 700, 1]) {
    const log = await open();
    expect(log.size).toBe(size);
    expect(await log.append(Array.from({ length: count }, (_, index) => entryOf(size + index)))).toBe(size);
    size += count;
    const { root } = verifyCheckpoint(log.checkpoint, key);
    expect(root).toEqual(treeHash(Array.from({ length: size }, (_, index) => leafHash(entryOf(index)))));
    for (const index of [0, Math.floor(size / 2), size - 1]) {
      expect(await log.entry(index)).toEqual(entryOf(index));
      expect(verifyProof(await log.proof(index), entryOf(index), key)).toMatchObject({ index, size });
    }
    for (const earlier of checkpoints) {
      const before = verifyCheckpoint(earlier, key);
      verifyConsistency(before.size, size, await log.consistency(before.size), before.root, root);
    }
    checkpoints.push(log.checkpoint);
    await log.close();
  }
});

test("a proof does not hold for another entry, another log or another key", async () => {
  const log = await open();
  await log.append([entryOf(0), entryOf(1)]);
  const proof = await log.proof(1);
  const key = parseNoteKey(log.vkey);
  expect(() => verifyProof(proof, entryOf(0), key)).toThrow("entry 1 is not in the tree");
  expect(() => verifyProof(proof.replace("example.com/log\n2", "example.com/log\n3"), entryOf(1), key)).toThrow(
    "does not verify",
  );
  await log.close();
  await rm(keyFile);
  await generateKey(keyFile, "ed25519");
  await expect(open()).rejects.toThrow("expected a signature of example.com/log");
});

test("one process at a time, and tiles that were changed are noticed", async () => {
  const log = await open();
  await expect(open()).rejects.toThrow("is written by process");
  await log.append([entryOf(0), entryOf(1), entryOf(2)]);
  await log.close();
  const tile = join(folder, "log/tile/0/000.p/3");
  const bytes = await readFile(tile);
  bytes[0]! ^= 1;
  await writeFile(tile, bytes);
  await expect(open()).rejects.toThrow("do not give the root of its checkpoint of size 3");
});

test("an entry of 65,536 bytes is refused, and nothing is added", async () => {
  const log = await open();
  await expect(log.append([entryOf(0), Buffer.alloc(65_536)])).rejects.toThrow("entry 1: expected at most 65535 bytes");
  expect(log.size).toBe(0);
  await log.append([Buffer.alloc(65_535)]);
  expect((await log.entry(0)).length).toBe(65_535);
  await log.close();
});

test("appends that wait are written together, each told its own place", async () => {
  const log = await open();
  const firsts = await Promise.all([3, 1, 0, 300, 2].map((count) => log.append(Array(count).fill(entryOf(count)))));
  expect(firsts).toEqual([0, 3, 0, 4, 304]);
  expect(await log.entry(3)).toEqual(entryOf(1));
  expect(await log.entry(305)).toEqual(entryOf(2));
  await log.close();
});

test("proofs in earlier trees come from the present tiles", async () => {
  const log = await open();
  const key = parseNoteKey(log.vkey);
  const roots: { size: number; root: Buffer }[] = [];
  for (const count of [5, 260, 300]) {
    await log.append(Array.from({ length: count }, (_, index) => entryOf(log.size + index)));
    roots.push(verifyCheckpoint(log.checkpoint, key));
  }
  for (const { size, root } of roots) {
    verifyInclusion(leafHash(entryOf(2)), 2, size, await log.inclusion(2, size), root);
    for (const earlier of roots.filter((each) => each.size < size))
      verifyConsistency(earlier.size, size, await log.consistency(earlier.size, size), earlier.root, root);
  }
  await expect(log.inclusion(2, 1000)).rejects.toThrow("expected at most 565");
  await log.close();
});

test("what an append that was cut off has left is removed, so that no tile ever changes", async () => {
  const log = await open();
  await log.append(Array.from({ length: 200 }, (_, index) => entryOf(index)));
  await log.close();
  const crashed = join(folder, "crashed");
  await cp(join(folder, "log"), crashed, { recursive: true });
  const other = await openLog(crashed, { origin: "example.com/log", signer: await signerFromFile(keyFile) });
  await other.append(Array.from({ length: 70_000 }, (_, index) => Buffer.from(`lost ${index}`)));
  await other.close();
  // all of its files but the checkpoint, and one that was not renamed
  await cp(join(crashed, "tile"), join(folder, "log/tile"), { recursive: true });
  await writeFile(join(folder, "log/tile/0/001.new"), "torn");
  const reopened = await open();
  const files = (await readdir(join(folder, "log/tile"), { recursive: true, withFileTypes: true }))
    .filter((each) => each.isFile())
    .map((each) => each.name);
  expect(files.sort()).toEqual(["200", "200"]);
  expect((await verifyLog(join(folder, "log"), policyOf(reopened.vkey))).checkpoint.size).toBe(200);
  await reopened.close();
});

test("a copy that has its edge in full tiles only, since it was made while the log grew, goes on from its checkpoint", async () => {
  const log = await open();
  await log.append(Array.from({ length: 200 }, (_, index) => entryOf(index)));
  const { checkpoint } = log;
  await log.append(Array.from({ length: 70_000 }, (_, index) => entryOf(200 + index)));
  await log.close();
  await writeFile(join(folder, "log/checkpoint"), checkpoint);
  for (let time = 0; time < 2; time++) {
    const copy = await open();
    expect(copy.size).toBe(200);
    expect((await verifyLog(join(folder, "log"), policyOf(copy.vkey), { since: checkpoint })).since).toBe(200);
    await copy.close();
  }
});

test("a log is copied whole while it grows, with nothing beyond the copied checkpoint", async () => {
  const log = await open();
  let isDone = false;
  const growing = (async () => {
    while (!isDone) await log.append(Array.from({ length: 37 }, (_, index) => entryOf(log.size + index)));
  })();
  for (let copy = 0; copy < 10; copy++) {
    const target = join(folder, `copy-${copy}`);
    const size = await copyLog(join(folder, "log"), target);
    const { checkpoint } = await verifyLog(target, policyOf(log.vkey));
    expect(checkpoint.size).toBe(size);
  }
  isDone = true;
  await growing;
  expect(log.size).toBeGreaterThan(0);
  await log.close();
});

test("after a failure to write it goes on where the disk is, without being opened again", async () => {
  const log = await open();
  await log.append([entryOf(0)]);
  const place = join(folder, "log/checkpoint.new");
  await mkdir(place); // so that the checkpoint cannot be written
  await expect(log.append([entryOf(7)])).rejects.toMatchObject({ code: "NOT_WRITABLE" });
  expect(log.size).toBe(1);
  await rm(place, { recursive: true });
  expect(await log.append([entryOf(1)])).toBe(1);
  expect(await log.entry(1)).toEqual(entryOf(1));
  await log.close();
});

test("of many that open it at the same time, over what a dead process left, at most one gets it", async () => {
  await mkdir(join(folder, "log"));
  for (let round = 0; round < 5; round++) {
    await writeFile(join(folder, "log/lock.2147483646.1.gone"), "");
    const opened = (await Promise.allSettled(Array.from({ length: 4 }, open))).filter(
      (each) => each.status === "fulfilled",
    );
    expect(opened.length).toBeLessThanOrEqual(1);
    for (const { value } of opened) await value.close();
  }
  await (await open()).close();
});

test("a lock that was left behind is taken over, and one that was taken away stops the writer", async () => {
  await mkdir(join(folder, "log"));
  await writeFile(join(folder, "log/lock.2147483646.1.gone"), "");
  await writeFile(join(folder, `log/lock.${process.pid}.1.reused`), "");
  const log = await open();
  const [own, ...others] = (await readdir(join(folder, "log"))).filter((name) => name.startsWith("lock"));
  expect(others).toEqual([]);
  await rm(join(folder, "log", own!));
  await expect(log.append([entryOf(0)])).rejects.toMatchObject({ code: "IN_USE" });
  await log.close();
});

test("killed twenty times while it appends, it has every acknowledged entry, and its checkpoints are of one history", {
  timeout: 60_000,
}, async () => {
  let acknowledged = 0;
  let last: { size: number; root: Buffer } | undefined;
  for (let kill = 0; kill < 20; kill++) {
    const child = spawn(
      process.execPath,
      [join(import.meta.dirname, "append-forever.mjs"), join(folder, "log"), keyFile],
      {
        stdio: ["ignore", "pipe", "inherit"],
      },
    );
    const lines = createInterface({ input: child.stdout });
    const enough = 1 + ((kill * 7) % 5);
    let seen = 0;
    for await (const line of lines) {
      acknowledged = Number(line);
      if (++seen === enough) setTimeout(() => child.kill("SIGKILL"), (kill * 13) % 9);
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    expect(child.signalCode).toBe("SIGKILL");
    const reopened = await open();
    const key = parseNoteKey(reopened.vkey);
    const now = verifyCheckpoint(reopened.checkpoint, key);
    expect(now.size).toBeGreaterThanOrEqual(acknowledged);
    if (last !== undefined)
      verifyConsistency(last.size, now.size, await reopened.consistency(last.size), last.root, now.root);
    last = now;
    await reopened.close();
    await verifyLog(join(folder, "log"), policyOf(reopened.vkey), { since: reopened.checkpoint });
  }
  const log = await open();
  const entries = Array.from({ length: log.size }, (_, index) => leafHash(entryOf(index))); // acknowledged or not, in order
  expect(verifyCheckpoint(log.checkpoint, parseNoteKey(log.vkey)).root).toEqual(treeHash(entries));
  await log.close();
});
