import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { decodeBase64 } from "../base64.ts";
import { EvidenceError } from "../errors.ts";
import type { Signer } from "../keys/signer.ts";
import { writeFileWhole } from "../write-file.ts";
import { assertRootOfEmpty, type Checkpoint, parseCheckpoint } from "./checkpoint.ts";
import { cosignatureLine, mergeSignatures } from "./cosignature.ts";
import { lockFolder } from "./lock.ts";
import { readIfThere } from "./log-files.ts";
import { verifyConsistency } from "./merkle.ts";
import { formatSignature, type NoteKey, noteKeyOf, parseNote, verifyNote } from "./note.ts";

/** Remembers the latest checkpoint of each log that it has seen, and cosigns only what continues it (https://c2sp.org/tlog-witness). */
export interface Witness {
  /** What verifies its cosignatures. */
  readonly vkey: string;
  /** Answers the body of an `add-checkpoint` request; what it answers 200 to is on the disk before. */
  addCheckpoint(request: string): Promise<WitnessAnswer>;
  /** The latest cosigned checkpoint of a log, as monitors ask for it; undefined where there is none. */
  checkpoint(origin: string): Promise<string | undefined>;
  close(): Promise<void>;
}

/** What goes back by HTTP. */
export interface WitnessAnswer {
  readonly status: 200 | 400 | 403 | 404 | 409 | 422;
  readonly contentType: "text/plain; charset=utf-8" | "text/x.tlog.size";
  readonly body: string;
}

export interface WitnessOptions {
  /** The witness's name: a URL without scheme, by custom. */
  readonly name: string;
  /** Ed25519; a key that signs nothing else. */
  readonly signer: Signer;
  /** Keys of the logs that it looks after; a log may have several. */
  readonly logs: readonly NoteKey[];
  readonly now: () => Date;
}

/**
 * Opens or makes a witness; one process at a time. Its folder holds a file for each log, `<SHA-256 of the origin>/checkpoint`, which any
 * file server can give to monitors. Throws IN_USE, NOT_WRITABLE, INVALID_KEY.
 */
export async function openWitness(folder: string, { name, signer, logs, now }: WitnessOptions): Promise<Witness> {
  const { vkey } = noteKeyOf(name, signer, 4);
  await mkdir(folder, { recursive: true });
  const lock = await lockFolder(folder);
  const folderOf = (origin: string): string => join(folder, createHash("sha256").update(origin).digest("hex"));
  const latest = async (origin: string): Promise<string | undefined> =>
    (await readIfThere(join(folderOf(origin), "checkpoint"), 2 ** 20))?.toString("utf8");

  async function addCheckpoint(text: string): Promise<WitnessAnswer> {
    const request = parseRequest(text);
    const { checkpoint, note, old } = request;
    const keys = logs.filter((key) => key.name === checkpoint.origin);
    if (keys.length === 0) throw new Refusal(404, `no log ${checkpoint.origin} is known here`);
    const signed = onlyBy(note, keys);
    if (old > checkpoint.size) throw new Refusal(400, `the old size ${old} is above the size ${checkpoint.size}`);
    const before = await latest(checkpoint.origin);
    const known = before === undefined ? undefined : parseCheckpoint(parseNote(before).text);
    if (old !== (known?.size ?? 0)) throw new Refusal(409, String(known?.size ?? 0));
    assertContinues(request, known);
    const line = await cosignatureLine(parseNote(note).text, name, signer, now());
    await mkdir(folderOf(checkpoint.origin), { recursive: true });
    await lock.assertHeld();
    await writeFileWhole(join(folderOf(checkpoint.origin), "checkpoint"), mergeSignatures(signed, line));
    return { status: 200, contentType: "text/plain; charset=utf-8", body: line };
  }

  let queue: Promise<unknown> = Promise.resolve();
  return {
    vkey,
    addCheckpoint(request) {
      const result = queue.then(() => addCheckpoint(request).catch(answerOf)); // to check and to store is one step
      queue = result.catch(() => undefined);
      return result;
    },
    checkpoint: latest,
    async close() {
      await queue;
      await lock.release();
    },
  };
}

interface Request {
  readonly old: number;
  readonly proof: readonly Buffer[];
  readonly note: string;
  readonly checkpoint: Checkpoint;
}

/** Reads the body of a request. Throws a refusal with 400. */
export function parseRequest(text: string): Request {
  try {
    const end = text.length > MAXIMUM_REQUEST ? -1 : text.indexOf("\n\n");
    if (end < 0) throw new Refusal(400, "expected old size, proof, an empty line and a checkpoint");
    const [first = "", ...lines] = text.slice(0, end).split("\n");
    const [, old] = /^old (0|[1-9]\d{0,15})$/.exec(first) ?? [];
    if (old === undefined || !Number.isSafeInteger(Number(old)))
      throw new Refusal(400, "expected the old size on the first line");
    if (lines.length > 63) throw new Refusal(400, `expected at most 63 hashes, got ${lines.length}`);
    const proof = lines.map((line, index) => decodeBase64(line, `hash ${index} of the proof`));
    if (proof.some(({ length }) => length !== 32)) throw new Refusal(400, "expected hashes of 32 bytes");
    const note = text.slice(end + 2);
    return { old: Number(old), proof, note, checkpoint: parseCheckpoint(parseNote(note).text) };
  } catch (error) {
    if (error instanceof EvidenceError) throw new Refusal(400, error.message);
    throw error;
  }
}

/** Characters of a request. */
export const MAXIMUM_REQUEST = 1_100_000;

/** An answer other than 200; what it says is the body. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly status: Exclude<WitnessAnswer["status"], 200>;

  constructor(status: Refusal["status"], message: string) {
    super(message);
    this.status = status;
  }
}

/** The note with the signatures of `keys` alone: nobody has looked at the others. Throws a refusal with 403. */
function onlyBy(note: string, keys: readonly NoteKey[]): string {
  try {
    const { text, signers } = verifyNote(note, keys);
    const lines = parseNote(note).signatures.filter((line) =>
      signers.some(({ name, hash }) => line.name === name && line.hash === hash),
    );
    return `${text}\n${lines.map(formatSignature).join("")}`;
  } catch (error) {
    if (error instanceof EvidenceError) throw new Refusal(403, error.message);
    throw error;
  }
}

/** Throws a refusal with 422 unless the tree continues the known one. */
function assertContinues({ old, proof, checkpoint }: Request, known: Checkpoint | undefined): void {
  try {
    assertRootOfEmpty(checkpoint);
    if (known !== undefined && old > 0) verifyConsistency(old, checkpoint.size, proof, known.root, checkpoint.root);
    else if (proof.length > 0) throw new Refusal(422, "expected no proof from the empty tree");
  } catch (error) {
    if (error instanceof EvidenceError) throw new Refusal(422, error.message);
    throw error;
  }
}

function answerOf(error: unknown): WitnessAnswer {
  if (!(error instanceof Refusal)) throw error;
  const { status, message } = error;
  return {
    status,
    contentType: status === 409 ? "text/x.tlog.size" : "text/plain; charset=utf-8",
    body: `${message}\n`,
  };
}
