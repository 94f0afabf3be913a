import { readFile } from "node:fs/promises";
import {
  EvidenceError,
  type KeyRing,
  parseKeyRing,
  parseTrustedRoot,
  readCertificates,
  readPublicKey,
  type Trust,
} from "@casemate/evidence";
import type { Command } from "commander";
import { instant } from "./options.ts";

/** Whose signature counts, as it is asked for on the command line. */
export interface TrustFlags {
  readonly publicKey?: string;
  readonly keyRing?: string;
  readonly environment?: string;
  readonly certificateRoots?: string;
  readonly at?: Date;
  readonly identity?: string;
  readonly issuer?: string;
  readonly trustedRoot?: string;
}

/** Adds the options that say whose signature counts. */
export function withTrustFlags(command: Command): Command {
  return command
    .option("--public-key <file>", "trust this key (PEM)")
    .option("--key-ring <file>", "trust the keys of this ring, each in its period and scope")
    .option("--environment <name>", "that a key of the ring must sign for")
    .option("--certificate-roots <file>", "trust the certificates that these vouch for (PEM)")
    .option(
      "--at <time>",
      "hold keys and certificates against this time, which you know the signature is from (default: now)",
      instant,
    )
    .option("--identity <name>", "trust this identity of Sigstore, exactly: an address, or the URI of a workflow")
    .option("--issuer <url>", "who vouches for the identity")
    .option("--trusted-root <file>", "trusted_root.json of the Sigstore instance; nothing is fetched");
}

/** What the flags ask to trust, for signatures of one kind. Throws EvidenceError. */
export async function trustOf(flags: TrustFlags, kind: string, now: Date): Promise<Trust> {
  const { publicKey, keyRing, environment, certificateRoots, at = now, identity, issuer, trustedRoot } = flags;
  const chosen = [publicKey, keyRing, certificateRoots, identity].filter((each) => each !== undefined);
  if (chosen.length !== 1) {
    throw new EvidenceError(
      "INVALID_OPTION",
      "expected one of --public-key, --key-ring, --certificate-roots and --identity",
    );
  }
  if (publicKey !== undefined) return { type: "keys", keys: [await readPublicKey(publicKey)] };
  if (keyRing !== undefined) {
    const use = { kind, ...(environment !== undefined && { environment }) };
    return { type: "ring", ring: await readKeyRing(keyRing), at, use };
  }
  if (certificateRoots !== undefined)
    return { type: "certificates", roots: await readCertificates(certificateRoots), at };
  if (issuer === undefined || trustedRoot === undefined) {
    throw new EvidenceError("INVALID_OPTION", "--identity: expected --issuer and --trusted-root as well");
  }
  return {
    type: "keyless",
    root: parseTrustedRoot(await bytesOf(trustedRoot), trustedRoot),
    identity: identity!,
    issuer,
  };
}

/** A key ring from its file. Throws EvidenceError. */
export async function readKeyRing(path: string): Promise<KeyRing> {
  return parseKeyRing(await bytesOf(path), path);
}

/** A file whole. Throws NOT_READABLE. */
export async function bytesOf(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new EvidenceError("NOT_READABLE", `cannot read ${path}: ${reason}`, { cause });
  }
}
