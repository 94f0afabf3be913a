import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, expect, test } from "vitest";
import { generateKey, signerFromFile } from "../../src/index.ts";
import { verifyCheckpoint } from "../../src/log/checkpoint.ts";
import { leafHash, nodeHash, verifyConsistency } from "../../src/log/merkle.ts";
import { parseNoteKey } from "../../src/log/note.ts";
import { openLog } from "../../src/log/open-log.ts";
import { verifyProof } from "../../src/log/proof.ts";

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
    for (const index of [0, acknowledged - 1]) expect((await reopened.entry(index)).toString()).toBe(`entry ${index}`);
    last = now;
    await reopened.close();
  }
});
