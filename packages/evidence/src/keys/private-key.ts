import { createPrivateKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { constants, type FileHandle, open } from "node:fs/promises";
import { EvidenceError } from "../errors.ts";
import { notReadable } from "../read-file.ts";
import { writeFileWhole } from "../write-file.ts";
import { algorithms } from "./algorithms.ts";
import { MAXIMUM_PEM_BYTES, publicKeyOf } from "./public-key.ts";
import type { KeyAlgorithm, PublicKey, Signer } from "./signer.ts";

export interface PrivateKeyOptions {
  /** Of a PEM that is protected by one. */
  readonly passphrase?: string;
}

/**
 * Makes a key and writes it as PEM (PKCS #8), readable by its owner alone; with a passphrase, encrypted by
 * PBES2 with AES-256. Refuses to replace a file. Throws NOT_WRITABLE.
 */
export async function generateKey(
  path: string,
  algorithm: KeyAlgorithm,
  { passphrase }: PrivateKeyOptions = {},
): Promise<PublicKey> {
  const { curve } = algorithms[algorithm];
  const { privateKey } =
    curve === undefined ? generateKeyPairSync("ed25519") : generateKeyPairSync("ec", { namedCurve: curve });
  const protection = passphrase === undefined ? {} : { cipher: "aes-256-cbc", passphrase };
  const pem = privateKey.export({ type: "pkcs8", format: "pem", ...protection });
  await writeFileWhole(path, pem, { mode: 0o600, mustBeNew: true });
  return publicKeyOf(privateKey);
}

/**
 * Signs with a PEM file that nobody else can read or replace.
 * Throws NOT_READABLE, and INVALID_KEY where others have rights on the file, where it is somebody else's, or where it is no key.
 */
export async function signerFromFile(path: string, options: PrivateKeyOptions = {}): Promise<Signer> {
  const file = await open(path, constants.O_RDONLY).catch((cause) => {
    throw notReadable(path, cause);
  });
  try {
    await assertPrivate(file, path);
    const { bytesRead, buffer } = await file.read(Buffer.alloc(MAXIMUM_PEM_BYTES + 1), 0, MAXIMUM_PEM_BYTES + 1, 0);
    return signerFromPem(buffer.toString("utf8", 0, bytesRead), path, options);
  } finally {
    await file.close();
  }
}

/** Signs with the PEM in an environment variable; `\n` written out counts as a line's end, as many CI systems keep it. */
export function signerFromEnvironment(
  name: string,
  environment: Readonly<Record<string, string | undefined>>,
  options: PrivateKeyOptions = {},
): Signer {
  const pem = environment[name];
  if (pem === undefined || pem === "") {
    throw new EvidenceError(
      "INVALID_KEY",
      `environment variable ${name}: expected a private key in PEM, it is not set`,
    );
  }
  return signerFromPem(pem.replaceAll("\\n", "\n"), `environment variable ${name}`, options);
}

/** Signs with a private key in PEM. No message of any error holds a part of it. Throws INVALID_KEY. */
export function signerFromPem(pem: string, where: string, options: PrivateKeyOptions = {}): Signer {
  const key = privateKeyOf(pem, where, options);
  const publicKey = publicKeyOf(key, where);
  const { hash } = algorithms[publicKey.algorithm];
  return { publicKey, sign: async (message) => sign(hash, message, key) };
}

function privateKeyOf(pem: string, where: string, { passphrase }: PrivateKeyOptions): KeyObject {
  const refuse = (why: string): EvidenceError => new EvidenceError("INVALID_KEY", `${where}: ${why}`);
  if (pem.length > MAXIMUM_PEM_BYTES) throw refuse("too long for a private key");
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem)) throw refuse("expected a private key in PEM");
  const isProtected = /ENCRYPTED/.test(pem);
  if (isProtected && passphrase === undefined) throw refuse("the key is protected by a passphrase, and none was given");
  try {
    return createPrivateKey({ key: pem, ...(isProtected && { passphrase }) });
  } catch {
    // the reason is left out: what OpenSSL says about a key is nobody's to log
    throw refuse(
      isProtected ? "the passphrase does not open the key" : "expected a private key in PEM, got a damaged one",
    );
  }
}

async function assertPrivate(file: FileHandle, path: string): Promise<void> {
  const { mode, uid } = await file.stat(); // of what is open, so that it cannot change in between
  const self = process.getuid?.();
  if (self === undefined) return; // a system without owners and modes
  if (uid !== self) {
    throw new EvidenceError(
      "INVALID_KEY",
      `${path}: expected a file of your own (user ${self}), it belongs to user ${uid}`,
    );
  }
  if ((mode & 0o077) !== 0) {
    const octal = (mode & 0o777).toString(8).padStart(4, "0");
    throw new EvidenceError(
      "INVALID_KEY",
      `${path}: expected mode 0600, got ${octal}, by which others reach the key: chmod 600`,
    );
  }
}
