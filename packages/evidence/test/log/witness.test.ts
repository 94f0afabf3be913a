import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  askWitness,
  generateKey,
  mergeSignatures,
  openLog,
  openWitness,
  parseLogPolicy,
  parseNoteKey,
  type Signer,
  signCheckpoint,
  signerFromFile,
  signerFromPem,
  type TransparencyLog,
  verifyCosignatures,
  verifyWitnessed,
  verifyWitnessedProof,
  type Witness,
} from "../../src/index.ts";
import { cosignatureLine } from "../../src/log/cosignature.ts";

let folder: string;
let own: Signer;
let log: TransparencyLog;
let witness: Witness;
const now = () => new Date("2026-06-30T12:00:00Z");

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "casemate-witness-"));
  own = await signerNamed("log");
  log = await openLog(join(folder, "tiles"), { origin: "example.com/log", signer: own });
  witness = await open("w1");
});

afterEach(async () => {
  await witness.close();
  await log.close();
  await rm(folder, { recursive: true });
});

async function signerNamed(name: string): Promise<Signer> {
  const path = join(folder, `${name}.pem`);
  await generateKey(path, "ed25519").catch(() => {}); // which is there when a witness is opened again
  return await signerFromFile(path);
}

async function open(name: string): Promise<Witness> {
  return await openWitness(join(folder, name), {
    name: `witness.example/${name}`,
    signer: await signerNamed(name),
    logs: [parseNoteKey(log.vkey)],
    now,
  });
}

const grow = async (count: number) =>
  await log.append(Array.from({ length: count }, (_, index) => Buffer.from(`entry ${log.size + index}`)));
const lines = (proof: readonly Uint8Array[]) =>
  proof.map((hash) => `${Buffer.from(hash).toString("base64")}\n`).join("");

async function requestFrom(old: number, checkpoint = log.checkpoint): Promise<string> {
  return `old ${old}\n${lines(await log.consistency(old))}\n${checkpoint}`;
}

test("it cosigns the first checkpoint, what continues it, and the same once more; also after it was opened again", async () => {
  const vkeys = [parseNoteKey(witness.vkey)];
  let old = 0;
  for (const count of [0, 1, 6, 0, 300]) {
    await grow(count);
    const answer = await witness.addCheckpoint(await requestFrom(old));
    expect(answer).toMatchObject({ status: 200, contentType: "text/plain; charset=utf-8" });
    const cosigned = mergeSignatures(log.checkpoint, answer.body);
    expect(verifyCosignatures(cosigned, vkeys)).toEqual([{ witness: vkeys[0], at: now() }]);
    expect(await witness.checkpoint("example.com/log")).toBe(cosigned);
    old = log.size;
    await witness.close();
    witness = await open("w1");
  }
});

test("a log asks a witness, whatever the witness has seen of it, and keeps the cosignature", async () => {
  const key = parseNoteKey(witness.vkey);
  const asked: string[] = [];
  const submit = (request: string) => {
    asked.push(request.split("\n")[0]!);
    return witness.addCheckpoint(request);
  };
  await grow(3);
  expect(await askWitness(log, key, submit)).toEqual({ witness: key, at: now() });
  await grow(4);
  expect(verifyCosignatures(log.checkpoint, [key])).toEqual([]);
  const stranger = await cosignatureLine("x\n", "witness.example/x", await signerNamed("stranger"), now());
  await askWitness(log, key, async (request) => {
    const answer = await submit(request);
    return answer.status === 200 ? { ...answer, body: stranger + answer.body } : answer;
  });
  expect(asked).toEqual(["old 0", "old 0", "old 3"]);
  expect(verifyCosignatures(log.checkpoint, [key])).toHaveLength(1);
  expect(await witness.checkpoint("example.com/log")).toBe(log.checkpoint);
});

test("an answer that is no cosignature of the witness is not taken", async () => {
  const key = parseNoteKey(witness.vkey);
  const stranger = await open("w2");
  await grow(2);
  await expect(askWitness(log, key, (request) => stranger.addCheckpoint(request))).rejects.toThrow(
    "no line of its key",
  );
  const answers = (status: number, body: string) => askWitness(log, key, async () => ({ status, body }));
  await expect(answers(409, "5\n")).rejects.toThrow("has seen 5 entries, where the log has 2");
  await expect(answers(409, "1\n")).rejects.toThrow("had seen another size at each of 3 requests");
  await expect(answers(409, "soon")).rejects.toThrow("answered 409: soon");
  await expect(answers(404, "no log\n")).rejects.toThrow("answered 404: no log");
  await expect(answers(200, "<html>")).rejects.toMatchObject({ code: "MALFORMED" });
  expect(verifyCosignatures(log.checkpoint, [key])).toEqual([]);
  await stranger.close();
});

test("monitors get its latest checkpoint as a file named by the origin's SHA-256", async () => {
  await witness.addCheckpoint(await requestFrom(0));
  const hash = "4d3203c8f35cdf600e475f55fede6081a703d3d322f208865fca2ec4f0e030f8"; // printf example.com/log | sha256sum
  expect(await readFile(join(folder, "w1", hash, "checkpoint"), "utf8")).toBe(
    await witness.checkpoint("example.com/log"),
  );
  expect(await witness.checkpoint("example.com/other")).toBeUndefined();
});

test("what it answers to a request that it does not cosign is what C2SP says", async () => {
  await grow(5);
  await witness.addCheckpoint(await requestFrom(0));
  await grow(3);
  const good = await requestFrom(5);
  const signed = async (size: number, root: Buffer, signer = own, origin = "example.com/log") =>
    await signCheckpoint({ origin, size, root }, signer);
  const root = Buffer.alloc(32, 7);
  const stranger = await signerNamed("stranger");
  const proof = lines(await log.consistency(5));
  const cases: readonly [string, string, number, string][] = [
    ["nonsense", "nonsense", 400, "expected old size"],
    ["no old size", good.replace("old 5", "5"), 400, "expected the old size on the first line"],
    ["a size with a leading zero", good.replace("old 5", "old 05"), 400, "expected the old size"],
    ["64 hashes", `old 5\n${`${"A".repeat(43)}=\n`.repeat(64)}\n${log.checkpoint}`, 400, "expected at most 63"],
    ["a short hash", `old 5\nAAAA\n\n${log.checkpoint}`, 400, "expected hashes of 32 bytes"],
    ["no signature line", good.slice(0, good.indexOf("—")), 400, ""],
    ["an old size above the size", `old 9\n\n${log.checkpoint}`, 400, "above the size 8"],
    ["an unknown log", `old 0\n\n${await signed(8, root, own, "example.com/other")}`, 404, "no log example.com/other"],
    ["a stranger's signature", `old 5\n${proof}\n${await signed(8, root, stranger)}`, 403, "expected a signature of"],
    [
      "a signature over something else",
      good.replace("example.com/log\n8\n", "example.com/log\n9\n"),
      403,
      "does not verify",
    ],
    ["another old size", await requestFrom(4), 409, "5"],
    ["no old size known", `old 0\n\n${log.checkpoint}`, 409, "5"],
    ["no proof", `old 5\n\n${log.checkpoint}`, 422, "consistency from 5 to 8"],
    ["another tree", `old 5\n${proof}\n${await signed(8, root)}`, 422, "consistency from 5 to 8"],
    ["another root for the same size", `old 5\n\n${await signed(5, root)}`, 422, "two roots for one size"],
  ];
  for (const [name, request, status, body] of cases) {
    const answer = await witness.addCheckpoint(request);
    expect([name, answer.status], name).toEqual([name, status]);
    expect(answer.body, name).toContain(body);
    expect(answer.contentType).toBe(status === 409 ? "text/x.tlog.size" : "text/plain; charset=utf-8");
  }
  expect((await witness.addCheckpoint(await requestFrom(4))).body).toBe("5\n");
  expect(await witness.addCheckpoint(good)).toMatchObject({ status: 200 });
});

test("an empty tree with another root, and a proof from the empty tree, are 422", async () => {
  const wrong = await signCheckpoint({ origin: "example.com/log", size: 0, root: Buffer.alloc(32) }, own);
  expect(await witness.addCheckpoint(`old 0\n\n${wrong}`)).toMatchObject({ status: 422 });
  await grow(2);
  const request = `old 0\n${lines([Buffer.alloc(32)])}\n${log.checkpoint}`;
  expect(await witness.addCheckpoint(request)).toMatchObject({ status: 422 });
});

test("of requests at the same time that start at one size, one wins, and nothing is rolled back", async () => {
  await grow(2);
  const two = log.checkpoint;
  await grow(2);
  const answers = await Promise.all(
    [`old 0\n\n${log.checkpoint}`, `old 0\n\n${two}`].map((each) => witness.addCheckpoint(each)),
  );
  expect(answers.map(({ status }) => status)).toEqual([200, 409]);
  expect(answers[1]!.body).toBe("4\n");
});

test("signatures that it does not know are not passed on to monitors", async () => {
  const stranger = await cosignatureLine(
    "anything\n",
    "witness.example/stranger",
    await signerNamed("stranger"),
    now(),
  );
  expect(await witness.addCheckpoint(`old 0\n\n${mergeSignatures(log.checkpoint, stranger)}`)).toMatchObject({
    status: 200,
  });
  expect(await witness.checkpoint("example.com/log")).not.toContain("stranger");
});

test("a policy asks for so many witnesses of a group; keys of kinds that are not known never count", async () => {
  const second = await open("w2");
  await grow(1);
  const [first, other] = await Promise.all(
    [witness, second].map(async (each) => (await each.addCheckpoint(await requestFrom(0))).body),
  );
  const mldsa = `witness.example/pq+00000000+${Buffer.concat([Buffer.of(6), Buffer.alloc(1312)]).toString("base64")}`;
  const policy = parseLogPolicy(
    Buffer.from(
      `# two of three\nlog ${log.vkey}\nwitness a ${witness.vkey}\n  witness\tb ${second.vkey} https://witness.example/\nwitness c ${mldsa}\ngroup g 2 a b c\nquorum g\n`,
    ),
  );
  const one = mergeSignatures(log.checkpoint, first!);
  expect(() => verifyWitnessed(one, policy)).toThrow("expected cosignatures by 2 of (a, b, c), got witness.example/w1");
  const both = mergeSignatures(one, other!);
  expect(verifyWitnessed(both, policy).cosignatures.map(({ witness: { name } }) => name)).toEqual([
    "witness.example/w1",
    "witness.example/w2",
  ]);
  await log.addCosignatures(both, first! + other!);
  expect(log.checkpoint).toBe(both);
  expect(verifyWitnessedProof(await log.proof(0), Buffer.from("entry 0"), policy)).toMatchObject({ index: 0 });
  await second.close();
});

/** Made with Python's cryptography from the key 00 01 … 1f, and the checkpoint and time of https://c2sp.org/tlog-cosignature. */
test("a cosignature is, byte for byte, what another implementation makes", async () => {
  const pem =
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n-----END PRIVATE KEY-----\n";
  const text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
  const line =
    "— witness.example/w1 519lMgAAAABkGFDLBuRDazBLVac2NE+Y+IjbjQOcXLfF9CSDZVUIoS83rE1nFZsVE8YiWV6Ngr7lV8H6bdoBQGP/l73euDMQ9k+bBQ==\n";
  const at = new Date(1679315147 * 1000);
  expect(await cosignatureLine(text, "witness.example/w1", signerFromPem(pem, "key"), at)).toBe(line);
  const key = parseNoteKey("witness.example/w1+e75f6532+BAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4");
  expect(verifyCosignatures(`${text}\n${line}`, [key])).toEqual([{ witness: key, at }]);
});

test("a cosignature that was changed spoils the checkpoint", async () => {
  const { body } = await witness.addCheckpoint(await requestFrom(0));
  const [, name, encoded] = body.split(" ");
  const bytes = Buffer.from(encoded!, "base64");
  bytes[11]! ^= 1; // the last byte of the time
  const note = mergeSignatures(log.checkpoint, `— ${name} ${bytes.toString("base64")}\n`);
  expect(() => verifyCosignatures(note, [parseNoteKey(witness.vkey)])).toThrow("does not verify");
});

test.each([
  ["quorum none\nquorum none", "line 2: there is a quorum already"],
  ["log x\nquorum none", "line 1: expected a verifier key"],
  ["quorum a", "line 1: a is not defined before"],
  ["group g 1 a\nquorum none", "line 1: a is not defined before"],
  ["frog", "expected log, witness, group or quorum, got frog"],
  ["\u0001", "a control character"],
  ["# nothing", "expected a line with the quorum"],
])("the policy %j is refused", (text, message) => {
  expect(() => parseLogPolicy(Buffer.from(text))).toThrow(message);
});

test("a policy names a key and a member once, and has groups that can be met", () => {
  const { vkey } = witness;
  const refusals = [
    [`witness a ${vkey}\nwitness b ${vkey}\nquorum a`, "line 2: a key that is there already"],
    [`witness a ${vkey}\ngroup g any a\ngroup h any a\nquorum g`, "line 3: a is in a group already"],
    [`witness a ${vkey}\ngroup none any a\nquorum a`, "line 2: the name none is taken"],
    [`witness a ${vkey}\ngroup g 2 a\nquorum g`, "line 2: expected group"],
    [`witness a ${log.vkey}\nquorum a`, "line 1: expected a key of type 4, got type 1"],
    [`log ${vkey}\nquorum none`, "line 1: expected a key of type 1, got type 4"],
  ] as const;
  for (const [text, message] of refusals) expect(() => parseLogPolicy(Buffer.from(text))).toThrow(message);
});
