import { writeFileWhole } from "@casemate/audit";
import { type HashAlgorithm, hashAlgorithms, signModel } from "@casemate/evidence";
import { Command, Option } from "commander";
import type { Console } from "../console.ts";
import type { ExitCode } from "../exit-code.ts";
import { defaultSignaturePath, formatBytes, watchHashing } from "./model-signature.ts";
import { parseNames, wholeNumber } from "./options.ts";
import { certificatesOf, type SigningFlags, signerOf, withSigningFlags } from "./signing-flags.ts";

interface SignFlags extends SigningFlags {
  readonly output?: string;
  readonly hash: HashAlgorithm;
  readonly shardSize?: number;
  readonly ignore?: readonly string[];
  readonly allowSymlinks?: boolean;
  readonly threads?: number;
  readonly json?: boolean;
}

/** `casemate sign`: a signature over every file of a model. */
export function signCommand(console: Console, finish: (code: ExitCode) => void): Command {
  const command = new Command("sign")
    .description("Sign a model, a file or a folder, as OpenSSF Model Signing has it: every file counts.")
    .argument("<path>", "a file or a folder")
    .option("--output <file>", "write the signature there (default: model.sig in the folder, or FILE.sig)");
  return withSigningFlags(command)
    .addOption(new Option("--hash <name>", "of the files").choices([...hashAlgorithms]).default("sha256"))
    .option("--shard-size <bytes>", "hash large files in pieces of this size, by all threads at once", wholeNumber(1))
    .option("--ignore <paths>", "paths in the model that are not signed, with commas between; no patterns", parseNames)
    .option("--allow-symlinks", "follow symbolic links and sign what they lead to")
    .option("--threads <n>", "that hash at the same time (default: one for each core)", wholeNumber(1))
    .option("--json", "print JSON on standard output, and nothing else there")
    .option("--verbose", "show where an error came from")
    .addHelpText("after", EXAMPLES)
    .action(async (path: string, flags: SignFlags) => finish(await run(path, flags, console)));
}

const EXAMPLES = `
Exit codes: 0 signed, 2 wrong use or bad input, 3 the signer failed.

Examples:
  casemate keys generate release.pem
  casemate sign model/ --key release.pem
  casemate sign model.onnx --key-env RELEASE_KEY --certificate-chain chain.pem --output model.sig
  casemate sign model/ --signer-command "openssl pkeyutl -sign -inkey token.pem" --signer-key token.pub
`;

async function run(path: string, flags: SignFlags, console: Console): Promise<ExitCode> {
  const { hash, shardSize, ignore, allowSymlinks = false, threads, json = false } = flags;
  const output = flags.output ?? (await defaultSignaturePath(path));
  const signer = await signerOf(flags);
  const certificates = await certificatesOf(flags);
  const events = signModel(path, signer, {
    signaturePath: output,
    hash,
    allowSymlinks,
    ...(shardSize !== undefined && { method: "shards" as const, shardSize }),
    ...(ignore !== undefined && { ignorePaths: ignore }),
    ...(threads !== undefined && { threads }),
    ...(certificates !== undefined && { certificates }),
  });
  const { bundle, manifest, bytes } = await watchHashing(events, console);
  await writeFileWhole(output, `${JSON.stringify(bundle.json)}\n`);
  const { resources, rootDigest } = manifest;
  if (json) {
    const summary = { signature: output, key: signer.publicKey.id, rootDigest, resources: resources.length, bytes };
    console.print(JSON.stringify(summary, null, 2));
  } else {
    console.print(`signed ${resources.length} digests (${formatBytes(bytes)}) with key ${signer.publicKey.id}`);
    console.print(`root digest ${rootDigest}, written to ${output}`);
  }
  return 0;
}
