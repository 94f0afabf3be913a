import { decodeBase64 } from "../base64.ts";
import { EvidenceError } from "../errors.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { type LogPolicy, verifyWitnessed, type WitnessedCheckpoint } from "./log-policy.ts";
import { leafHash, verifyInclusion } from "./merkle.ts";
import type { NoteKey } from "./note.ts";

/** That an entry is in a log, in one file that is verified offline (https://c2sp.org/tlog-proof). */
export interface LogProof {
  readonly index: number;
  /** Whatever the application needs to find the entry; nothing vouches for it. */
  readonly extra?: Buffer;
  readonly path: readonly Uint8Array[];
  /** The signed checkpoint, verbatim. */
  readonly checkpoint: string;
}

const HEADER = "c2sp.org/tlog-proof@v1";

export function formatProof({ index, extra, path, checkpoint }: LogProof): string {
  const more = extra === undefined ? "" : `extra ${extra.toString("base64")}\n`;
  const hashes = path.map((hash) => `${Buffer.from(hash).toString("base64")}\n`).join("");
  return `${HEADER}\n${more}index ${index}\n${hashes}\n${checkpoint}`;
}

/** Throws MALFORMED. */
export function parseProof(text: string): LogProof {
  const wrong = (what: string) => new EvidenceError("MALFORMED", `log proof: ${what}`);
  const end = text.indexOf("\n\n");
  if (text.length > 1_100_000 || end < 0)
    throw wrong("expected at most 1 MB, with an empty line before the checkpoint");
  const lines = text.slice(0, end).split("\n");
  if (lines.shift() !== HEADER) throw wrong(`expected ${HEADER} on the first line`);
  const extra = lines[0]?.startsWith("extra ")
    ? decodeBase64(lines.shift()!.slice(6), "extra data of the log proof")
    : undefined;
  const [, index] = /^index (0|[1-9]\d{0,15})$/.exec(lines.shift() ?? "") ?? [];
  if (index === undefined || !Number.isSafeInteger(Number(index))) throw wrong("expected a line with the index");
  if (lines.length > 64) throw wrong(`expected at most 64 hashes, got ${lines.length}`);
  const path = lines.map((line, each) => {
    const hash = decodeBase64(line, `hash ${each} of the log proof`);
    if (hash.length !== 32) throw wrong(`hash ${each}: expected 32 bytes, got ${hash.length}`);
    return hash;
  });
  return { index: Number(index), ...(extra !== undefined && { extra }), path, checkpoint: text.slice(end + 2) };
}

/** The checkpoint that an entry is proved to be under. Throws MALFORMED, INVALID_SIGNATURE, UNTRUSTED_SIGNER, INVALID_PROOF. */
export function verifyProof(text: string, entry: Uint8Array, key: NoteKey): Checkpoint & { readonly index: number } {
  const { checkpoint, index } = verifyWitnessedProof(text, entry, { logs: [key], witnesses: [], quorum: undefined });
  return { ...checkpoint, index };
}

/** The same for any log of a policy, with enough witnesses. */
export function verifyWitnessedProof(
  text: string,
  entry: Uint8Array,
  policy: LogPolicy,
): WitnessedCheckpoint & { readonly index: number } {
  const { index, path, checkpoint: note } = parseProof(text);
  const witnessed = verifyWitnessed(note, policy);
  verifyInclusion(leafHash(entry), index, witnessed.checkpoint.size, path, witnessed.checkpoint.root);
  return { ...witnessed, index };
}
