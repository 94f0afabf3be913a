import { createHash } from "node:crypto";
import { parseBundle } from "../bundles/bundle.ts";
import { EvidenceError } from "../errors.ts";
import { parseJson } from "../json.ts";
import type { LogPolicy } from "../log/log-policy.ts";
import { parseProof, verifyWitnessedProof } from "../log/proof.ts";
import type { Exhibit } from "./judge.ts";

/** A C2SP log proof that came with a bundle, and which logs are believed. */
export interface ExhibitProof {
  readonly text: string;
  readonly policy: LogPolicy;
}

/**
 * A bundle from its bytes. A proof shows that it is logged: the entry is the bundle itself, or the event by which a registry took it in, which
 * the proof then holds as extra data. Witnesses that cosigned tell when it was there. Throws MALFORMED where the bundle is none.
 */
export function exhibitOf(id: string, bytes: Uint8Array, proof?: ExhibitProof): Exhibit {
  const bundle = parseBundle(bytes, id);
  if (proof === undefined) return { id, bundle };
  try {
    const { extra } = parseProof(proof.text);
    const { cosignatures } = verifyWitnessedProof(proof.text, extra ?? bytes, proof.policy);
    if (extra !== undefined) assertTakesIn(extra, createHash("sha256").update(bytes).digest("hex"));
    const times = cosignatures.map(({ at }) => at.getTime());
    return { id, bundle, isLogged: true, ...(times.length > 0 && { seenAt: new Date(Math.max(...times)) }) };
  } catch (error) {
    if (error instanceof EvidenceError) return { id, bundle, isLogged: false, whyUnlogged: error.message };
    throw error;
  }
}

/** Throws INVALID_PROOF unless an entry says that a registry took in the bundle with this SHA-256. */
function assertTakesIn(entry: Uint8Array, sha256: string): void {
  const event = parseJson(entry, "log entry", { bytes: 65_535, depth: 16 }) as {
    readonly action?: unknown;
    readonly after?: unknown;
    readonly outcome?: unknown;
  } | null;
  if (event?.action !== "evidence:add" || event.outcome !== "done" || event.after !== sha256)
    throw new EvidenceError("INVALID_PROOF", "the logged entry is about something else than this bundle");
}
