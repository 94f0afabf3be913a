import { EvidenceError } from "../errors.ts";
import { parseCheckpoint } from "./checkpoint.ts";
import { type Cosignature, mergeSignatures, verifyCosignatures } from "./cosignature.ts";
import { formatSignature, type NoteKey, parseNote } from "./note.ts";
import type { TransparencyLog } from "./open-log.ts";
import type { WitnessAnswer } from "./witness.ts";

/** Brings the body of a request to a witness, by HTTP or otherwise, and its answer back. */
export type SubmitToWitness = (request: string) => Promise<{ readonly status: number; readonly body: string }>;

/**
 * Asks a witness to cosign the latest checkpoint of a log, and adds its cosignature to it. Throws INVALID_PROOF where the witness has seen another
 * history, INVALID_SIGNATURE or UNTRUSTED_SIGNER where what it answers is not its cosignature.
 */
export async function askWitness(
  log: Pick<TransparencyLog, "checkpoint" | "consistency" | "addCosignatures">,
  witness: NoteKey,
  submit: SubmitToWitness,
): Promise<Cosignature> {
  const { checkpoint } = log;
  const { text } = parseNote(checkpoint);
  const { size } = parseCheckpoint(text);
  const refuse = (why: string) => new EvidenceError("INVALID_PROOF", `witness ${witness.name}: ${why}`);
  let old = 0;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const proof = (await log.consistency(old, size)).map((hash) => `${Buffer.from(hash).toString("base64")}\n`);
    const { status, body } = await submit(`old ${old}\n${proof.join("")}\n${checkpoint}`);
    if (status === (200 satisfies WitnessAnswer["status"])) {
      const [cosignature] = verifyCosignatures(mergeSignatures(checkpoint, body), [witness]);
      if (cosignature === undefined)
        throw new EvidenceError("UNTRUSTED_SIGNER", `witness ${witness.name}: its answer has no line of its key`);
      const own = parseNote(`${text}\n${body}`).signatures.filter(
        ({ name, hash }) => name === witness.name && hash === witness.hash,
      );
      await log.addCosignatures(checkpoint, own.map(formatSignature).join(""));
      return cosignature;
    }
    const [seen] = status === 409 ? (/^(0|[1-9]\d{0,15})\n$/.exec(body) ?? []) : [];
    if (seen === undefined) throw refuse(`answered ${status}: ${body.slice(0, 200).trim()}`);
    old = Number(seen);
    if (!(old <= size)) throw refuse(`has seen ${old} entries, where the log has ${size}`);
  }
  throw refuse(`had seen another size at each of ${ATTEMPTS} requests`);
}

const ATTEMPTS = 3; // what it has seen is told by the first; another may ask at the same time
