import {
  EvidenceError,
  type EvidenceErrorCode,
  type ModelVerdict,
  parseBundle,
  type SignedBy,
  verifyModel,
} from "@casemate/evidence";
import { Command } from "commander";
import type { Console } from "../console.ts";
import type { ExitCode } from "../exit-code.ts";
import { defaultSignaturePath, formatBytes, watchHashing } from "./model-signature.ts";
import { parseNames, wholeNumber } from "./options.ts";
import { bytesOf, type TrustFlags, trustOf, withTrustFlags } from "./trust-flags.ts";

interface VerifyFlags extends TrustFlags {
  readonly signature?: string;
  readonly ignore?: readonly string[];
  readonly allowExtra?: boolean;
  readonly allowOld?: boolean;
  readonly threads?: number;
  readonly json?: boolean;
}

/** `casemate verify`: whether a model is what somebody who is trusted has signed. */
export function verifyCommand(console: Console, finish: (code: ExitCode) => void): Command {
  const command = new Command("verify")
    .description("Check that a model is what somebody you trust has signed: nothing changed, missing or added.")
    .argument("<path>", "a file or a folder")
    .option("--signature <file>", "a Sigstore bundle (default: model.sig in the folder, or FILE.sig)");
  return withTrustFlags(command)
    .option("--ignore <paths>", "paths in the model that need not be signed, with commas between", parseNames)
    .option("--allow-extra", "let files be added; what was signed must be there and unchanged all the same")
    .option("--allow-old", "let signatures of model_signing 0.2 count, which are not of the format of today")
    .option("--threads <n>", "that hash at the same time (default: one for each core)", wholeNumber(1))
    .option("--json", "print JSON on standard output, and nothing else there")
    .option("--verbose", "show where an error came from")
    .addHelpText("after", EXAMPLES)
    .action(async (path: string, flags: VerifyFlags) => finish(await run(path, flags, console)));
}

const EXAMPLES = `
Exit codes: 0 verified, 1 not verified, 2 wrong use or bad input.

Examples:
  casemate verify model/ --public-key release.pub
  casemate verify model/ --key-ring keys.json --environment production
  casemate verify model.onnx --signature model.sig --certificate-roots ca.pem
  casemate verify model/ --identity https://github.com/acme/model/.github/workflows/release.yml@refs/heads/main \\
    --issuer https://token.actions.githubusercontent.com --trusted-root trusted_root.json
`;

/** What is wrong with the model or its signature, not with how the command was called. */
const NOT_VERIFIED: ReadonlySet<EvidenceErrorCode> = new Set([
  "DIGEST_MISMATCH",
  "INVALID_SIGNATURE",
  "UNSAFE_PATH",
  "UNTRUSTED_SIGNER",
]);

async function run(path: string, flags: VerifyFlags, console: Console): Promise<ExitCode> {
  const { json = false, ignore, allowExtra = false, allowOld = false, threads } = flags;
  const signaturePath = flags.signature ?? (await defaultSignaturePath(path));
  const trust = await trustOf(flags, "model", new Date());
  const bundle = parseBundle(await bytesOf(signaturePath), signaturePath);
  const events = verifyModel(path, bundle, trust, {
    signaturePath,
    allowExtraFiles: allowExtra,
    allowVersion02: allowOld,
    ...(ignore !== undefined && { ignorePaths: ignore }),
    ...(threads !== undefined && { threads }),
  });
  try {
    const verdict = await watchHashing(events, console);
    console.print(json ? JSON.stringify(summaryOf(verdict), null, 2) : describe(verdict, console));
    return verdict.verified ? 0 : 1;
  } catch (error) {
    if (!(error instanceof EvidenceError && NOT_VERIFIED.has(error.code))) throw error;
    const { code, message } = error;
    console.print(
      json
        ? JSON.stringify({ verified: false, code, reason: message }, null, 2)
        : `${console.printPaint.red("not verified")}: ${message}`,
    );
    return 1;
  }
}

function summaryOf({ verified, differences, signedBy, signedOn, manifest, files, bytes }: ModelVerdict) {
  const { rootDigest } = manifest;
  return { verified, differences, signedBy, ...(signedOn && { signedOn }), rootDigest, files, bytes };
}

function describe({ verified, differences, signedBy, signedOn, files, bytes }: ModelVerdict, console: Console): string {
  const { green, red } = console.printPaint;
  const lines = differences.map(({ type, name }) => `${red(type)} ${name}`);
  const signer = `signed by ${nameOf(signedBy)}${signedOn ? ` on ${signedOn.toISOString()}` : ""}`;
  const verdict = verified ? green("verified") : red("not verified");
  return [...lines, `${verdict}: ${files} files (${formatBytes(bytes)}), ${signer}`].join("\n");
}

function nameOf(signedBy: SignedBy): string {
  switch (signedBy.type) {
    case "key":
      return signedBy.name === undefined ? `key ${signedBy.id}` : `${signedBy.name} (key ${signedBy.id})`;
    case "certificate":
      return `${signedBy.subject} (certificate ${signedBy.fingerprint})`;
    case "identity":
      return `${signedBy.identity} of ${signedBy.issuer}`;
  }
}
