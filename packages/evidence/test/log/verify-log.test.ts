import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { generateKey, type LogPolicy, openLog, parseNoteKey, signerFromFile, verifyLog } from "../../src/index.ts";

let folder: string;
let policy: LogPolicy;
const checkpoints: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "casemate-verify-log-"));
  await generateKey(join(folder, "key"), "ed25519");
  const log = await openLog(join(folder, "log"), {
    origin: "example.com/log",
    signer: await signerFromFile(join(folder, "key")),
  });
  for (const count of [0, 3, 600]) {
    await log.append(Array.from({ length: count }, (_, index) => Buffer.from(`entry ${log.size + index}`)));
    checkpoints.push(log.checkpoint);
  }
  policy = { logs: [parseNoteKey(log.vkey)], witnesses: [], quorum: undefined };
  await log.close();
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

test("a log verifies, and continues each of its earlier checkpoints", async () => {
  const seen: number[] = [];
  const verified = await verifyLog(join(folder, "log"), policy, { onProgress: (count) => seen.push(count) });
  expect(verified.checkpoint.size).toBe(603);
  expect(seen).toEqual([256, 512, 603]);
  for (const [index, size] of [0, 3, 603].entries())
    expect(await verifyLog(join(folder, "log"), policy, { since: checkpoints[index]! })).toMatchObject({ since: size });
});

/** What is changed in a copy of the log, and what is then said about it. */
test.each<[string, (copy: string) => Promise<void>, string, string]>([
  [
    "an entry",
    async (copy) => await flip(join(copy, "tile/entries/001"), 105),
    "LOG_DAMAGED",
    "entry 265: tile/0/001 has another hash at 9",
  ],
  [
    "a hash in a full tile",
    async (copy) => await flip(join(copy, "tile/0/000"), 32 * 17 + 5),
    "LOG_DAMAGED",
    "entry 17: tile/0/000 has another hash at 17",
  ],
  [
    "a hash in a partial tile",
    async (copy) => await flip(join(copy, "tile/0/002.p/91"), 0),
    "LOG_DAMAGED",
    "entry 512: tile/0/002.p/91",
  ],
  [
    "a hash of many entries",
    async (copy) => await flip(join(copy, "tile/1/000.p/2"), 32),
    "LOG_DAMAGED",
    "entries 256 to 511: tile/1/000.p/2",
  ],
  ["a missing tile", async (copy) => await rm(join(copy, "tile/0/001")), "LOG_DAMAGED", "tile/0/001 is missing"],
  [
    "a missing bundle",
    async (copy) => await rm(join(copy, "tile/entries/001")),
    "LOG_DAMAGED",
    "tile/entries/001 is missing",
  ],
  [
    "an entry that is cut off",
    async (copy) => await writeFile(join(copy, "tile/entries/001"), Buffer.of(0, 9, 1)),
    "MALFORMED",
    "tile/entries/001: entry 0 is cut off",
  ],
  [
    "a root",
    async (copy) => await flip(join(copy, "checkpoint"), "example.com/log\n603\n".length),
    "INVALID_SIGNATURE",
    "does not verify",
  ],
  ["no checkpoint", async (copy) => await rm(join(copy, "checkpoint")), "NOT_READABLE", "it is not a log"],
])("%s is noticed", async (_, change, code, message) => {
  const copy = await mkdtemp(join(folder, "copy-"));
  await cp(join(folder, "log"), copy, { recursive: true });
  await change(copy);
  await expect(verifyLog(copy, policy)).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
});

test("a log that was cut, or that was written anew with the same key, does not continue the earlier checkpoint", async () => {
  const signer = await signerFromFile(join(folder, "key"));
  const log = await openLog(join(folder, "anew"), { origin: "example.com/log", signer });
  await log.append([Buffer.from("entry 0"), Buffer.from("entry 1")]);
  const later = checkpoints[1]!;
  await expect(verifyLog(join(folder, "anew"), policy, { since: later })).rejects.toThrow("it was cut");
  await log.append([Buffer.from("another"), Buffer.from("entry 3")]);
  await log.close();
  await expect(verifyLog(join(folder, "anew"), policy, { since: later })).rejects.toThrow(
    "the log's first 3 entries are not the ones of the earlier checkpoint",
  );
});

/** Another digit in base64, another bit elsewhere. */
async function flip(path: string, at: number): Promise<void> {
  const bytes = await readFile(path);
  bytes[at] = path.endsWith("checkpoint") ? (bytes[at] === 65 ? 66 : 65) : bytes[at]! ^ 1;
  await writeFile(path, bytes);
}
