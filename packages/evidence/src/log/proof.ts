import { decodeBase64 } from "../base64.ts";
import { EvidenceError } from "../errors.ts";
import { type Checkpoint, verifyCheckpoint } from "./checkpoint.ts";
import { leafHash, verifyInclusion } from "./merkle.ts";
import type { NoteKey } from "./note.ts";

/** That an entry is in a log, in one file that is verified offline (https://c2sp.org/tlog-proof). */
export interface LogProof {
  readonly index: number;
  readonly path: readonly Uint8Array[];
  /** The signed checkpoint, verbatim. */
  readonly checkpoint: string;
}

const HEADER = "c2sp.org/tlog-proof@v1";

export function formatProof({ index, path, checkpoint }: LogProof): string {
  const hashes = path.map((hash) => `${Buffer.from(hash).toString("base64")}\n`).join("");
  return `${HEADER}\nindex ${index}\n${hashes}\n${checkpoint}`;
}

/** Throws MALFORMED. */
export function parseProof(text: string): LogProof {
  const wrong = (what: string) => new EvidenceError("MALFORMED", `log proof: ${what}`);
  const end = text.indexOf("\n\n");
  if (text.length > 1_100_000 || end < 0)
    throw wrong("expected at most 1 MB, with an empty line before the checkpoint");
  const lines = text.slice(0, end).split("\n");
  if (lines.shift() !== HEADER) throw wrong(`expected ${HEADER} on the first line`);
  if (lines[0]?.startsWith("extra ")) decodeBase64(lines.shift()!.slice(6), "extra data of the log proof");
  const [, index] = /^index (0|[1-9]\d{0,15})$/.exec(lines.shift() ?? "") ?? [];
  if (index === undefined || !Number.isSafeInteger(Number(index))) throw wrong("expected a line with the index");
  if (lines.length > 64) throw wrong(`expected at most 64 hashes, got ${lines.length}`);
  const path = lines.map((line, each) => {
    const hash = decodeBase64(line, `hash ${each} of the log proof`);
    if (hash.length !== 32) throw wrong(`hash ${each}: expected 32 bytes, got ${hash.length}`);
    return hash;
  });
  return { index: Number(index), path, checkpoint: text.slice(end + 2) };
}

/** The checkpoint that an entry is proved to be under. Throws MALFORMED, INVALID_SIGNATURE, UNTRUSTED_SIGNER, INVALID_PROOF. */
export function verifyProof(text: string, entry: Uint8Array, key: NoteKey): Checkpoint & { readonly index: number } {
  const { index, path, checkpoint } = parseProof(text);
  const verified = verifyCheckpoint(checkpoint, key);
  verifyInclusion(leafHash(entry), index, verified.size, path, verified.root);
  return { ...verified, index };
}
