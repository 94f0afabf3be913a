import { verify } from "node:crypto";
import { EvidenceError } from "../errors.ts";
import type { Signer } from "../keys/signer.ts";
import { formatSignature, type NoteKey, noteKeyOf, parseNote, signatureLine } from "./note.ts";

/** That a witness had seen a checkpoint, and none that contradicts it, at a time (https://c2sp.org/tlog-cosignature). */
export interface Cosignature {
  readonly witness: NoteKey;
  readonly at: Date;
}

/** The line by which a witness cosigns the text of a checkpoint. Whether it may is for `openWitness` to know. */
export async function cosignatureLine(text: string, name: string, signer: Signer, at: Date): Promise<string> {
  const seconds = Math.floor(at.getTime() / 1000);
  const timestamp = Buffer.alloc(8);
  timestamp.writeBigUInt64BE(BigInt(seconds));
  const { key } = noteKeyOf(name, signer, 4);
  return await signatureLine(name, key.hash, signer, messageOf(text, BigInt(seconds)), timestamp);
}

/**
 * Who of `witnesses` has cosigned, and when; the latest time, where one did so twice. Lines of other keys are not looked at; a line of a
 * known key that does not verify spoils the note. Throws MALFORMED, INVALID_SIGNATURE.
 */
export function verifyCosignatures(note: string, witnesses: readonly NoteKey[]): readonly Cosignature[] {
  const { text, signatures } = parseNote(note);
  return witnesses.flatMap((witness) => {
    const times = signatures
      .filter(({ name, hash }) => witness.type === 4 && name === witness.name && hash === witness.hash)
      .map(({ signature }) => {
        const seconds = signature.length === 72 ? signature.readBigUInt64BE() : -1n;
        const isSound =
          seconds >= 0n &&
          seconds <= LATEST &&
          verify(null, messageOf(text, seconds), witness.key, signature.subarray(8));
        if (!isSound)
          throw new EvidenceError(
            "INVALID_SIGNATURE",
            `checkpoint: the cosignature of ${witness.name} does not verify`,
          );
        return Number(seconds) * 1000;
      });
    return times.length === 0 ? [] : [{ witness, at: new Date(Math.max(...times)) }];
  });
}

/** A note with more signature lines; a new line takes the place of one by the same key. Throws MALFORMED. Verifies nothing. */
export function mergeSignatures(note: string, lines: string): string {
  const { text, signatures } = parseNote(note);
  const added = parseNote(`${text}\n${lines}`).signatures;
  const kept = signatures.filter(({ name, hash }) => !added.some((each) => each.name === name && each.hash === hash));
  const merged = `${text}\n${[...kept, ...added].map(formatSignature).join("")}`;
  parseNote(merged); // not more of them than are read
  return merged;
}

const LATEST = 8_640_000_000_000n; // seconds: what a Date can hold; C2SP allows up to 2^63 − 1

function messageOf(text: string, seconds: bigint): Buffer {
  return Buffer.from(`cosignature/v1\ntime ${seconds}\n${text}`);
}
