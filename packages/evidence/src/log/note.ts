import { createHash, createPublicKey, type KeyObject, verify } from "node:crypto";
import { decodeBase64 } from "../base64.ts";
import { EvidenceError } from "../errors.ts";
import type { Signer } from "../keys/signer.ts";

/** What a signature line of a note is made with (https://c2sp.org/signed-note): 1 Ed25519, 4 Ed25519 cosignature with a time. */
export type NoteKeyType = 1 | 4;

/** A key that verifies lines of notes, as a vkey says it: `name+hash+base64`. */
export interface NoteKey {
  readonly name: string;
  readonly type: NoteKeyType;
  /** Four bytes, in hex. */
  readonly hash: string;
  readonly key: KeyObject;
}

/** A text and who says so. */
export interface Note {
  /** With its last newline. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

export interface NoteSignature {
  readonly name: string;
  readonly hash: string;
  readonly signature: Buffer;
}

const MAXIMUM_NOTE = 1_000_000;
const MAXIMUM_SIGNATURES = 64;
const ED25519_PREFIX = Buffer.from("302a300506032b6570032100", "hex"); // SubjectPublicKeyInfo of an Ed25519 key (RFC 8410)

/** Reads a vkey. Throws INVALID_KEY, also for types that are not known here. */
export function parseNoteKey(vkey: string): NoteKey {
  const { name, hash, bytes } = readVkey(vkey);
  const wrong = (what: string) => new EvidenceError("INVALID_KEY", `verifier key of ${name}: ${what}`);
  const type = bytes[0];
  if (type !== 1 && type !== 4) throw wrong(`expected a key of type 1 or 4 (Ed25519), got type ${type}`);
  if (bytes.length !== 33) throw wrong("expected an Ed25519 key of 32 bytes");
  if (keyHash(name, bytes) !== hash) throw wrong("expected a hash that fits name and key");
  const key = createPublicKey({ key: Buffer.concat([ED25519_PREFIX, bytes.subarray(1)]), format: "der", type: "spki" });
  return { name, type, hash, key };
}

/** The parts of a vkey of any type; `bytes` are the type and the key. Throws INVALID_KEY. */
export function readVkey(vkey: string): { readonly name: string; readonly hash: string; readonly bytes: Buffer } {
  const [, name = "", hash = "", encoded = ""] =
    /^([^\s+]{1,255})\+([0-9a-f]{8})\+([A-Za-z0-9+/]{1,4000}={0,2})$/.exec(vkey.trim()) ?? [];
  const bytes = Buffer.from(encoded, "base64");
  if (name === "" || bytes.length < 2 || bytes.toString("base64") !== encoded)
    throw new EvidenceError(
      "INVALID_KEY",
      `expected a verifier key, name+hash+key, got ${JSON.stringify(vkey.slice(0, 200))}`,
    );
  return { name, hash, bytes };
}

/** The vkey of a signer of notes. Throws INVALID_KEY unless it is Ed25519. */
export function noteKeyOf(
  name: string,
  { publicKey }: Signer,
  type: NoteKeyType = 1,
): { readonly key: NoteKey; readonly vkey: string } {
  if (publicKey.algorithm !== "ed25519")
    throw new EvidenceError("INVALID_KEY", `notes are signed with Ed25519, not ${publicKey.algorithm}`);
  if (!/^[^\s+]{1,255}$/.test(name))
    throw new EvidenceError("INVALID_OPTION", `name: expected one without spaces and "+", got ${JSON.stringify(name)}`);
  const raw = publicKey.key.export({ format: "der", type: "spki" }).subarray(-32);
  const encoded = Buffer.concat([Buffer.of(type), raw]);
  const hash = keyHash(name, encoded);
  return { key: { name, type, hash, key: publicKey.key }, vkey: `${name}+${hash}+${encoded.toString("base64")}` };
}

/** One signature line over `message`, which for type 1 is the note's text. */
export async function signatureLine(
  name: string,
  hash: string,
  signer: Signer,
  message: Uint8Array,
  before = Buffer.alloc(0),
): Promise<string> {
  return formatSignature({ name, hash, signature: Buffer.concat([before, await signer.sign(message)]) });
}

export function formatSignature({ name, hash, signature }: NoteSignature): string {
  return `— ${name} ${Buffer.concat([Buffer.from(hash, "hex"), signature]).toString("base64")}\n`;
}

/** Parts text and signature lines. Throws MALFORMED. */
export function parseNote(note: string): Note {
  const wrong = (what: string) => new EvidenceError("MALFORMED", `signed note: ${what}`);
  if (note.length > MAXIMUM_NOTE) throw wrong(`expected at most ${MAXIMUM_NOTE} characters`);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: none but the newline may be in a note
  if (/[\u0000-\u0009\u000b-\u001f\ufffd]|\p{Surrogate}/u.test(note))
    throw wrong("expected UTF-8 without control characters but newlines");
  const end = note.lastIndexOf("\n\n");
  if (end < 0) throw wrong("expected an empty line between text and signatures");
  const lines = note.slice(end + 2).split("\n");
  if (lines.pop() !== "") throw wrong("expected a newline at the end");
  if (lines.length === 0 || lines.length > MAXIMUM_SIGNATURES)
    throw wrong(`expected 1 to ${MAXIMUM_SIGNATURES} signatures, got ${lines.length}`);
  const signatures = lines.map((line) => {
    const [, name, encoded] = /^— ([^\s+]{1,255}) ([A-Za-z0-9+/]+={0,2})$/.exec(line) ?? [];
    if (name === undefined || encoded === undefined)
      throw wrong(`expected a signature line, got ${JSON.stringify(line.slice(0, 100))}`);
    const bytes = decodeBase64(encoded, `signature of ${name}`);
    if (bytes.length < 5) throw wrong(`the signature of ${name} is too short`);
    return { name, hash: bytes.toString("hex", 0, 4), signature: bytes.subarray(4) };
  });
  return { text: note.slice(0, end + 1), signatures };
}

/**
 * The text, if one of `keys` of type 1 signed it. Lines of other keys are not looked at; a line of a known key that does not verify
 * spoils the note. Throws MALFORMED, INVALID_SIGNATURE, UNTRUSTED_SIGNER.
 */
export function verifyNote(
  note: string,
  keys: readonly NoteKey[],
): { readonly text: string; readonly signers: readonly NoteKey[] } {
  const { text, signatures } = parseNote(note);
  const signers = keys.filter(({ type, name, hash, key }) => {
    const lines = signatures.filter((line) => type === 1 && line.name === name && line.hash === hash);
    for (const { signature } of lines)
      if (!verify(null, Buffer.from(text), key, signature))
        throw new EvidenceError("INVALID_SIGNATURE", `signed note: the signature of ${name} does not verify`);
    return lines.length > 0;
  });
  if (signers.length === 0) {
    const names = signatures.map(({ name }) => name).join(", ");
    throw new EvidenceError(
      "UNTRUSTED_SIGNER",
      `signed note: expected a signature of ${keys.map(({ name }) => name).join(" or ")}, got ${names}`,
    );
  }
  return { text, signers };
}

function keyHash(name: string, typeAndKey: Uint8Array): string {
  return createHash("sha256").update(`${name}\n`).update(typeAndKey).digest("hex").slice(0, 8);
}
