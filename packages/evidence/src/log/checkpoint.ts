import { decodeBase64 } from "../base64.ts";
import { EvidenceError } from "../errors.ts";
import type { Signer } from "../keys/signer.ts";
import { emptyRoot } from "./merkle.ts";
import { type NoteKey, noteKeyOf, signatureLine, verifyNote } from "./note.ts";

/** What a log says of itself: this many entries, with this root (https://c2sp.org/tlog-checkpoint). */
export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  readonly root: Buffer;
}

/** The checkpoint as a signed note. */
export async function signCheckpoint({ origin, size, root }: Checkpoint, signer: Signer): Promise<string> {
  const { key } = noteKeyOf(origin, signer);
  const text = `${origin}\n${size}\n${root.toString("base64")}\n`;
  return `${text}\n${await signatureLine(origin, key.hash, signer, Buffer.from(text))}`;
}

/** Reads and verifies a signed checkpoint of the log whose key `key` is. Throws MALFORMED, INVALID_SIGNATURE, UNTRUSTED_SIGNER. */
export function verifyCheckpoint(note: string, key: NoteKey): Checkpoint {
  const checkpoint = parseCheckpoint(verifyNote(note, [key]).text);
  if (checkpoint.origin !== key.name)
    throw new EvidenceError(
      "UNTRUSTED_SIGNER",
      `checkpoint: expected one of ${key.name}, got one of ${checkpoint.origin}`,
    );
  assertRootOfEmpty(checkpoint);
  return checkpoint;
}

/** Throws INVALID_PROOF for a tree of no entries that has another root than RFC 6962 gives it. */
export function assertRootOfEmpty({ size, root }: Checkpoint): void {
  if (size === 0 && !root.equals(emptyRoot))
    throw new EvidenceError("INVALID_PROOF", "checkpoint: the empty tree has another root");
}

/** Reads the text of a checkpoint, without its signatures. Throws MALFORMED. */
export function parseCheckpoint(text: string): Checkpoint {
  const [origin = "", size = "", root = "", ...extensions] = text.split("\n");
  const wrong = (what: string) => new EvidenceError("MALFORMED", `checkpoint: ${what}`);
  if (origin === "") throw wrong("expected an origin on the first line");
  if (!/^(0|[1-9]\d{0,15})$/.test(size) || !Number.isSafeInteger(Number(size)))
    throw wrong(`expected a size on the second line, got ${JSON.stringify(size.slice(0, 100))}`);
  const hash = decodeBase64(root, "root of the checkpoint");
  if (hash.length !== 32 || hash.toString("base64") !== root)
    throw wrong("expected a root of 32 bytes on the third line");
  if (extensions.pop() !== "" || extensions.includes(""))
    throw wrong("expected a newline at the end, and no empty line");
  return { origin, size: Number(size), root: hash };
}
