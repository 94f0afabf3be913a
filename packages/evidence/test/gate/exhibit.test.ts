import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  bundleOf,
  exhibitOf,
  formatProof,
  generateKey,
  type LogPolicy,
  openLog,
  openWitness,
  parseNoteKey,
  parseProof,
  signerFromFile,
  signStatement,
  statementOf,
  subjectOf,
  type TransparencyLog,
} from "../../src/index.ts";

let folder: string;
let log: TransparencyLog;
let policy: LogPolicy;
let bundle: Buffer;
const seen = new Date("2026-06-30T12:00:00Z");

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "casemate-exhibit-"));
  const signerOf = async (name: string) => {
    await generateKey(join(folder, name), "ed25519");
    return await signerFromFile(join(folder, name));
  };
  const own = await signerOf("own");
  const statement = statementOf([subjectOf("model", "m", "ab".repeat(32))], "https://example.com/kind", {});
  bundle = Buffer.from(JSON.stringify(bundleOf(await signStatement(statement, [own]), own.publicKey).json));
  log = await openLog(join(folder, "log"), { origin: "example.com/log", signer: await signerOf("log.pem") });
  const event = (fields: object) => Buffer.from(JSON.stringify(fields));
  const after = createHash("sha256").update(bundle).digest("hex");
  await log.append([
    bundle,
    event({ action: "evidence:add", outcome: "done", after }),
    event({ action: "evidence:add", outcome: "denied", after }),
    event({ action: "evidence:add", outcome: "done", after: "ab".repeat(32) }),
    event([1]),
  ]);
  policy = { logs: [parseNoteKey(log.vkey)], witnesses: [], quorum: undefined };
});

afterAll(async () => {
  await log.close();
  await rm(folder, { recursive: true });
});

async function proofWith(index: number, extra?: Buffer): Promise<string> {
  return formatProof({ ...parseProof(await log.proof(index)), ...(extra && { extra }) });
}

test("a bundle is logged as an entry of its own, or by the event that took it in", async () => {
  expect(exhibitOf("b", bundle, { text: await proofWith(0), policy })).toMatchObject({ isLogged: true });
  const text = await proofWith(1, await log.entry(1));
  expect(exhibitOf("b", bundle, { text, policy })).toMatchObject({ isLogged: true });
  expect(exhibitOf("b", bundle).isLogged).toBeUndefined();
});

test.each([
  ["the proof of another entry", 1, undefined, "entry 1 is not in the tree"],
  ["an event that is not the proved one", 1, 2, "entry 1 is not in the tree"],
  ["an attempt that was denied", 2, 2, "about something else"],
  ["an event about another bundle", 3, 3, "about something else"],
  ["an entry that is no event", 4, 4, "about something else"],
])("%s does not do, and it is said why", async (_, index, extra, why) => {
  const text = await proofWith(index, extra === undefined ? undefined : await log.entry(extra));
  expect(exhibitOf("b", bundle, { text, policy })).toMatchObject({
    isLogged: false,
    whyUnlogged: expect.stringContaining(why),
  });
});

test("witnesses tell when it was there", async () => {
  await generateKey(join(folder, "w.pem"), "ed25519");
  const witness = await openWitness(join(folder, "w"), {
    name: "witness.example/w",
    signer: await signerFromFile(join(folder, "w.pem")),
    logs: policy.logs,
    now: () => seen,
  });
  const { body } = await witness.addCheckpoint(`old 0\n\n${log.checkpoint}`);
  await witness.close();
  await log.addCosignatures(log.checkpoint, body);
  const text = await log.proof(0);
  expect(exhibitOf("b", bundle, { text, policy }).seenAt).toBeUndefined();
  const witnesses = [parseNoteKey(witness.vkey)];
  expect(exhibitOf("b", bundle, { text, policy: { ...policy, witnesses } }).seenAt).toEqual(seen);
});
