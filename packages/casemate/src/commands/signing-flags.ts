import {
  EvidenceError,
  type PrivateKeyOptions,
  readCertificates,
  readPublicKey,
  type Signer,
  signerFromCommand,
  signerFromEnvironment,
  signerFromFile,
} from "@casemate/evidence";
import type { Command } from "commander";
import { wholeNumber } from "./options.ts";

/** Who signs, as it is asked for on the command line. No secret is an argument: those can be read by every process. */
export interface SigningFlags {
  readonly key?: string;
  readonly keyEnv?: string;
  readonly passphraseEnv?: string;
  readonly signerCommand?: string;
  readonly signerKey?: string;
  readonly signerSeconds?: number;
  readonly certificateChain?: string;
}

/** Adds the options that say who signs. */
export function withSigningFlags(command: Command): Command {
  return command
    .option("--key <file>", "private key in PEM, which nobody else can read (mode 0600)")
    .option("--key-env <name>", "environment variable that holds the private key in PEM")
    .option("--passphrase-env <name>", "environment variable that holds the passphrase of the key")
    .option("--signer-command <command>", "program that signs, with its arguments: words, or a JSON list of them")
    .option("--signer-key <file>", "public key of the signer command")
    .option("--signer-seconds <n>", "how long the signer command may take (default: 30)", wholeNumber(1))
    .option("--certificate-chain <file>", "certificates in PEM, that of the key first: the signature names them");
}

/** The signer that the flags ask for. Throws EvidenceError. */
export async function signerOf(flags: SigningFlags): Promise<Signer> {
  const { key, keyEnv, signerCommand, signerKey, signerSeconds } = flags;
  const chosen = [key, keyEnv, signerCommand].filter((each) => each !== undefined);
  if (chosen.length !== 1) {
    throw new EvidenceError("INVALID_OPTION", "expected one of --key, --key-env and --signer-command");
  }
  if (key !== undefined) return signerFromFile(key, protectionOf(flags));
  if (keyEnv !== undefined) return signerFromEnvironment(keyEnv, process.env, protectionOf(flags));
  if (signerKey === undefined)
    throw new EvidenceError("INVALID_OPTION", "--signer-command: expected --signer-key as well");
  return signerFromCommand(wordsOf(signerCommand!), await readPublicKey(signerKey), {
    ...(signerSeconds !== undefined && { seconds: signerSeconds }),
  });
}

/** The passphrase, from the variable that the flags name. */
export function protectionOf({ passphraseEnv }: Pick<SigningFlags, "passphraseEnv">): PrivateKeyOptions {
  if (passphraseEnv === undefined) return {};
  const passphrase = process.env[passphraseEnv];
  if (passphrase !== undefined && passphrase !== "") return { passphrase };
  throw new EvidenceError(
    "INVALID_OPTION",
    `environment variable ${passphraseEnv}: expected a passphrase, it is not set`,
  );
}

/** DER of the certificates that the signature is to name. */
export async function certificatesOf({ certificateChain }: SigningFlags): Promise<readonly Uint8Array[] | undefined> {
  return certificateChain === undefined ? undefined : (await readCertificates(certificateChain)).map(({ raw }) => raw);
}

function wordsOf(command: string): readonly string[] {
  if (!command.trim().startsWith("[")) return command.trim().split(/\s+/);
  try {
    const words: unknown = JSON.parse(command);
    if (Array.isArray(words) && words.every((word) => typeof word === "string")) return words;
  } catch {
    // what is wrong is said below, without the command: it may hold a PIN
  }
  throw new EvidenceError("INVALID_OPTION", "--signer-command: expected words, or a JSON list of strings");
}
