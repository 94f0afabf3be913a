import { existsSync } from "node:fs";
import { writeFileWhole } from "@casemate/audit";
import {
  addKey,
  EvidenceError,
  generateKey,
  type KeyAlgorithm,
  type KeyPeriod,
  type KeyRing,
  keyAlgorithms,
  type PublicKey,
  readPublicKey,
  revokeKey,
  rotateKey,
  signerFromFile,
} from "@casemate/evidence";
import { Command, Option } from "commander";
import type { Console } from "../console.ts";
import type { ExitCode } from "../exit-code.ts";
import { duration, instant, parseNames } from "./options.ts";
import { protectionOf } from "./signing-flags.ts";
import { readKeyRing } from "./trust-flags.ts";

interface PeriodFlags {
  readonly name?: string;
  readonly from?: Date;
  readonly until?: Date;
  readonly environments?: readonly string[];
  readonly kinds?: readonly string[];
}

/** `casemate keys`: make keys, and say whose signatures count. */
export function keysCommand(console: Console, finish: (code: ExitCode) => void): Command {
  return new Command("keys")
    .description("Make keys, and keep the ring of those whose signatures count.")
    .addHelpText("after", EXAMPLES)
    .addCommand(generateCommand(console, finish))
    .addCommand(publicCommand(console, finish))
    .addCommand(addCommand(console, finish))
    .addCommand(rotateCommand(console, finish))
    .addCommand(revokeCommand(console, finish));
}

const EXAMPLES = `
Exit codes: 0 done, 2 wrong use or bad input.

Examples:
  casemate keys generate release.pem --algorithm ecdsa-p256
  casemate keys public release.pem --out release.pub
  casemate keys add keys.json release.pub --name "release 2026" --environments production --kinds model,approval
  casemate keys rotate keys.json release.pub next.pub --overlap 7d
  casemate keys revoke keys.json release.pub --reason "laptop stolen" --at 2026-06-01T00:00:00Z
`;

function generateCommand(console: Console, finish: (code: ExitCode) => void): Command {
  return new Command("generate")
    .description("Make a private key that nobody else can read, and its public key beside it (.pub).")
    .argument("<file>", "where the private key is to be; nothing is replaced")
    .addOption(
      new Option("--algorithm <name>", "models are signed with ECDSA")
        .choices([...keyAlgorithms])
        .default("ecdsa-p256"),
    )
    .option("--passphrase-env <name>", "environment variable with a passphrase that protects the file")
    .option("--json", "print JSON on standard output, and nothing else there")
    .option("--verbose", "show where an error came from")
    .addHelpText("after", EXAMPLES)
    .action(async (path: string, flags: { algorithm: KeyAlgorithm; passphraseEnv?: string; json?: boolean }) => {
      const publicPath = `${path.replace(/\.(pem|key)$/, "")}.pub`;
      if (existsSync(publicPath)) {
        throw new EvidenceError("NOT_WRITABLE", `cannot write ${publicPath}: it is there already`);
      }
      const key = await generateKey(path, flags.algorithm, protectionOf(flags));
      await writeFileWhole(publicPath, key.pem);
      const { id, algorithm } = key;
      const summary = { id, algorithm, privateKey: path, publicKey: publicPath };
      console.print(
        flags.json
          ? JSON.stringify(summary, null, 2)
          : `${algorithm} key ${id}\nprivate key in ${path}, public key in ${publicPath}`,
      );
      finish(0);
    });
}

function publicCommand(console: Console, finish: (code: ExitCode) => void): Command {
  return new Command("public")
    .description("Print the public key of a private key.")
    .argument("<file>", "a private key in PEM")
    .option("--passphrase-env <name>", "environment variable that holds the passphrase of the key")
    .option("--out <file>", "write it there (default: print it)")
    .option("--json", "print JSON on standard output, and nothing else there")
    .option("--verbose", "show where an error came from")
    .addHelpText("after", EXAMPLES)
    .action(async (path: string, flags: { passphraseEnv?: string; out?: string; json?: boolean }) => {
      const { publicKey } = await signerFromFile(path, protectionOf(flags));
      const { id, algorithm, pem } = publicKey;
      if (flags.out !== undefined) await writeFileWhole(flags.out, pem);
      if (flags.json) console.print(JSON.stringify({ id, algorithm, publicKey: pem }, null, 2));
      else console.print(flags.out === undefined ? pem.trimEnd() : `${algorithm} key ${id}, written to ${flags.out}`);
      finish(0);
    });
}

function addCommand(console: Console, finish: (code: ExitCode) => void): Command {
  return new Command("add")
    .description("Let the signatures of a key count. The ring is made if it is not there.")
    .argument("<ring>", "a key ring (JSON)")
    .argument("<key>", "a public key in PEM")
    .option("--name <text>", "whose it is")
    .option("--from <time>", "from when on (default: now)", instant)
    .option("--until <time>", "until when", instant)
    .option("--environments <names>", "only for these, with commas between", parseNames)
    .option("--kinds <names>", "only attestations of these kinds, or model for models, with commas between", parseNames)
    .option("--json", "print JSON on standard output, and nothing else there")
    .option("--verbose", "show where an error came from")
    .addHelpText("after", EXAMPLES)
    .action(async (path: string, keyPath: string, flags: PeriodFlags & { json?: boolean }) => {
      const key = await readPublicKey(keyPath);
      const ring = await readKeyRing(path).catch((error) => {
        if (error instanceof EvidenceError && isAbsent(error)) return { keys: [] };
        throw error;
      });
      await save(path, addKey(ring, key, periodOf(flags)));
      report(console, flags.json, key, `counts from ${(flags.from ?? new Date()).toISOString()}`);
      finish(0);
    });
}

function rotateCommand(console: Console, finish: (code: ExitCode) => void): Command {
  return new Command("rotate")
    .description("Let a new key take over from an old one, in the same scope.")
    .argument("<ring>", "a key ring (JSON)")
    .argument("<old>", "the old key: a public key in PEM, or its id")
    .argument("<new>", "the new public key in PEM")
    .option("--at <time>", "from when on (default: now)", instant)
    .option("--overlap <duration>", "how long the old key counts after that, such as 12h or 7d", duration, 0)
    .option("--name <text>", "whose the new key is")
    .option("--until <time>", "until when the new key counts", instant)
    .option("--json", "print JSON on standard output, and nothing else there")
    .option("--verbose", "show where an error came from")
    .addHelpText("after", EXAMPLES)
    .action(
      async (
        path: string,
        old: string,
        next: string,
        flags: { at?: Date; overlap: number; name?: string; until?: Date; json?: boolean },
      ) => {
        const { at = new Date(), overlap, name, until } = flags;
        const key = await readPublicKey(next);
        const options = {
          at,
          overlapSeconds: overlap,
          ...(name !== undefined && { name }),
          ...(until !== undefined && { validUntil: until }),
        };
        await save(path, rotateKey(await readKeyRing(path), await idOf(old), key, options));
        report(console, flags.json, key, `takes over at ${at.toISOString()}`);
        finish(0);
      },
    );
}

function revokeCommand(console: Console, finish: (code: ExitCode) => void): Command {
  return new Command("revoke")
    .description("Let nothing count that a key signed from a moment on.")
    .argument("<ring>", "a key ring (JSON)")
    .argument("<key>", "a public key in PEM, or its id")
    .requiredOption("--reason <text>", "why, as it is shown wherever a signature is refused")
    .option("--at <time>", "the earliest moment that the key can have been misused (default: now)", instant)
    .option("--json", "print JSON on standard output, and nothing else there")
    .option("--verbose", "show where an error came from")
    .addHelpText("after", EXAMPLES)
    .action(async (path: string, key: string, flags: { reason: string; at?: Date; json?: boolean }) => {
      const { reason, at = new Date() } = flags;
      const id = await idOf(key);
      await save(path, revokeKey(await readKeyRing(path), id, at, reason));
      report(console, flags.json, { id }, `is revoked as of ${at.toISOString()}`);
      finish(0);
    });
}

function periodOf({ name, from = new Date(), until, environments, kinds }: PeriodFlags): KeyPeriod {
  return {
    validFrom: from,
    ...(name !== undefined && { name }),
    ...(until !== undefined && { validUntil: until }),
    ...(environments !== undefined && { environments }),
    ...(kinds !== undefined && { kinds }),
  };
}

async function idOf(key: string): Promise<string> {
  return /^[0-9a-f]{64}$/.test(key) ? key : (await readPublicKey(key)).id;
}

async function save(path: string, ring: KeyRing): Promise<void> {
  await writeFileWhole(path, `${JSON.stringify(ring, null, 2)}\n`);
}

function report(console: Console, json: boolean | undefined, { id }: Pick<PublicKey, "id">, what: string): void {
  console.print(json ? JSON.stringify({ id }, null, 2) : `key ${id} ${what}`);
}

function isAbsent({ code, cause }: EvidenceError): boolean {
  return code === "NOT_READABLE" && (cause as NodeJS.ErrnoException | undefined)?.code === "ENOENT";
}
