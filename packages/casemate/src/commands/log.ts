import { writeFileWhole } from "@casemate/audit";
import {
  askWitness,
  type Cosignature,
  EvidenceError,
  type EvidenceErrorCode,
  type LogPolicy,
  openLog,
  parseLogPolicy,
  parseNoteKey,
  readCheckpoint,
  readLogEntries,
  submitTo,
  type TransparencyLog,
  verifyLog,
  verifyWitnessed,
  verifyWitnessedProof,
} from "@casemate/evidence";
import { Command } from "commander";
import type { Console } from "../console.ts";
import type { ExitCode } from "../exit-code.ts";
import { table } from "../table.ts";
import { witnessCommand } from "./log-witness.ts";
import { wholeNumber } from "./options.ts";
import { type SigningFlags, signerOf, withSigningFlags } from "./signing-flags.ts";
import { bytesOf } from "./trust-flags.ts";

/** `casemate log`: keep, show and verify a transparency log. */
export function logCommand(console: Console, finish: (code: ExitCode) => void): Command {
  return new Command("log")
    .description("Keep, show and verify a transparency log: a folder of C2SP tiles that only grows.")
    .addHelpText("after", EXAMPLES)
    .addCommand(verifyCommand(console, finish))
    .addCommand(showCommand(console, finish))
    .addCommand(appendCommand(console, finish))
    .addCommand(witnessCommand(console));
}

const EXAMPLES = `
Exit codes: 0 done or verified, 1 not verified or not witnessed enough, 2 wrong use or bad input, 3 the log cannot be written.

Examples:
  casemate log append log/ robustness.sigstore.json --origin example.com/models --key log.pem
  casemate log append log/ robustness.sigstore.json --origin example.com/models --key log.pem --policy log-policy
  casemate log show log/ --from 0
  casemate log verify log/ --key example.com/models+c4b132da+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k
  casemate log verify log/ --policy log-policy --since yesterday.checkpoint
  casemate log verify --policy log-policy --proof robustness.sigstore.json.tlog-proof --entry robustness.sigstore.json
`;

interface VerifyFlags {
  readonly key?: string;
  readonly policy?: string;
  readonly since?: string;
  readonly proof?: string;
  readonly entry?: string;
  readonly json?: boolean;
}

function verifyCommand(console: Console, finish: (code: ExitCode) => void): Command {
  return new Command("verify")
    .description("Verify a log from its files alone: signatures, and every tile from the entries; or a proof.")
    .argument("[folder]", "the log; none to verify a proof alone")
    .option("--key <vkey>", "the log's verifier key, name+hash+key")
    .option("--policy <file>", "logs that are believed, and their witnesses (C2SP tlog-policy)")
    .option("--since <file>", "a checkpoint from earlier, which the log must continue")
    .option("--proof <file>", "a .tlog-proof that the log has --entry")
    .option("--entry <file>", "the entry that --proof is about")
    .option("--json", "print JSON on standard output, and nothing else there")
    .option("--verbose", "show where an error came from")
    .addHelpText("after", EXAMPLES)
    .action(async (folder: string | undefined, flags: VerifyFlags) => finish(await verify(folder, flags, console)));
}

/** What is wrong with the log or the proof, not with how the command was called. */
const NOT_VERIFIED: ReadonlySet<EvidenceErrorCode> = new Set([
  "INVALID_PROOF",
  "INVALID_SIGNATURE",
  "LOG_DAMAGED",
  "MALFORMED",
  "UNTRUSTED_SIGNER",
]);

async function verify(folder: string | undefined, flags: VerifyFlags, console: Console): Promise<ExitCode> {
  const { proof, entry, since, json = false } = flags;
  const refuse = (why: string): EvidenceError => new EvidenceError("INVALID_OPTION", why);
  if ((proof === undefined) !== (entry === undefined)) throw refuse("expected --proof and --entry together");
  if (folder === undefined && proof === undefined) throw refuse("expected a folder, or --proof and --entry");
  if (folder === undefined && since !== undefined) throw refuse("--since: expected a folder");
  const policy = await policyOf(flags);
  const earlier = since === undefined ? undefined : (await bytesOf(since)).toString("utf8");
  const proved = proof === undefined ? undefined : (await bytesOf(proof)).toString("utf8");
  const logged = entry === undefined ? undefined : await bytesOf(entry);
  try {
    const log =
      folder === undefined
        ? undefined
        : await verifyLog(folder, policy, {
            ...(earlier !== undefined && { since: earlier }),
            onProgress: (count, size) => console.draw(`verified ${count} of ${size} entries`),
          });
    const inclusion =
      proved === undefined || logged === undefined ? undefined : verifyWitnessedProof(proved, logged, policy);
    const { checkpoint, cosignatures } = (log ?? inclusion)!;
    console.draw("");
    if (json) {
      const { origin, size, root } = checkpoint;
      console.print(
        JSON.stringify(
          {
            verified: true,
            origin,
            size,
            root: root.toString("base64"),
            cosignatures: cosignatures.map(({ witness, at }) => ({ witness: witness.name, at })),
            ...(log?.since !== undefined && { since: log.since }),
            ...(inclusion !== undefined && {
              proof: { index: inclusion.index, size: inclusion.checkpoint.size },
            }),
          },
          null,
          2,
        ),
      );
    } else {
      const { green } = console.printPaint;
      if (log !== undefined) {
        console.print(
          `${green("verified")}: ${checkpoint.origin}, ${checkpoint.size} entries, every tile from the entries${witnessed(cosignatures)}`,
        );
        if (log.since !== undefined) console.print(`${green("continues")} the tree of ${log.since} entries`);
      }
      if (inclusion !== undefined)
        console.print(
          `${green("logged")}: ${entry} is entry ${inclusion.index} of ${inclusion.checkpoint.size} in ${inclusion.checkpoint.origin}${witnessed(inclusion.cosignatures)}`,
        );
    }
    return 0;
  } catch (error) {
    console.draw("");
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

async function policyOf({ key, policy }: VerifyFlags): Promise<LogPolicy> {
  if ((key === undefined) === (policy === undefined))
    throw new EvidenceError("INVALID_OPTION", "expected one of --key and --policy");
  return key === undefined
    ? parseLogPolicy(await bytesOf(policy!), policy)
    : { logs: [parseNoteKey(key)], witnesses: [], quorum: undefined };
}

function witnessed(cosignatures: readonly Cosignature[]): string {
  return cosignatures.map(({ witness, at }) => `; seen by ${witness.name} on ${at.toISOString()}`).join("");
}

interface ShowFlags {
  readonly from?: number;
  readonly count: number;
  readonly json?: boolean;
}

function showCommand(console: Console, finish: (code: ExitCode) => void): Command {
  return new Command("show")
    .description("Show what a log says of itself, and its latest entries. Nothing is verified.")
    .argument("<folder>", "the log")
    .option("--from <index>", "the first entry to show (default: so that the latest are shown)", wholeNumber(0))
    .option("--count <n>", "how many entries to show", wholeNumber(0), 10)
    .option("--json", "print JSON on standard output, entries in base64, and nothing else there")
    .option("--verbose", "show where an error came from")
    .addHelpText("after", EXAMPLES)
    .action(async (folder: string, flags: ShowFlags) => {
      await show(folder, flags, console);
      finish(0);
    });
}

async function show(folder: string, { count, json = false, ...flags }: ShowFlags, console: Console): Promise<void> {
  const { origin, size, root, signatures } = await readCheckpoint(folder);
  const from = flags.from ?? Math.max(0, size - count);
  const entries: { index: number; entry: Buffer }[] = [];
  for await (const each of readLogEntries(folder, size, from, from + count)) entries.push(each);
  if (json) {
    const shown = entries.map(({ index, entry }) => ({ index, entry: entry.toString("base64") }));
    console.print(JSON.stringify({ origin, size, root: root.toString("base64"), signatures, entries: shown }, null, 2));
    return;
  }
  console.print(`${origin}, ${size} entries, root ${root.toString("base64")}, signed by ${signatures.join(", ")}`);
  if (entries.length > 0)
    console.print(
      table(
        entries.map(({ index, entry }) => [String(index), excerptOf(entry)]),
        ["right"],
      ),
    );
}

/** The beginning of a text, or of bytes in hex. */
function excerptOf(entry: Buffer): string {
  const text = entry.toString("utf8");
  const isText = Buffer.from(text).equals(entry) && !/[^\P{C}\n\t]/u.test(text);
  const whole = isText ? text.trimEnd().replaceAll(/\s+/g, " ") : entry.toString("hex", 0, 200);
  return whole.length > 160 ? `${[...whole].slice(0, 160).join("")}… (${entry.length} bytes)` : whole;
}

interface AppendFlags extends SigningFlags {
  readonly origin: string;
  readonly policy?: string;
  readonly json?: boolean;
}

function appendCommand(console: Console, finish: (code: ExitCode) => void): Command {
  const command = new Command("append")
    .description("Add files to a log as its entries, and write the proof of each beside it (FILE.tlog-proof).")
    .argument("<folder>", "the log; made if it is not there")
    .argument("<files...>", "of at most 65,535 bytes each")
    .requiredOption("--origin <name>", "the log's name: a URL without scheme, by custom")
    .option("--policy <file>", "ask the witnesses of this policy at their URLs, before the proofs are written");
  return withSigningFlags(command)
    .option("--json", "print JSON on standard output, and nothing else there")
    .option("--verbose", "show where an error came from")
    .addHelpText("after", EXAMPLES)
    .action(async (folder: string, files: readonly string[], flags: AppendFlags) => {
      finish(await append(folder, files, flags, console));
    });
}

async function append(
  folder: string,
  files: readonly string[],
  { origin, policy: policyFile, json = false, ...flags }: AppendFlags,
  console: Console,
): Promise<ExitCode> {
  const policy = policyFile === undefined ? undefined : parseLogPolicy(await bytesOf(policyFile), policyFile);
  const entries = await Promise.all(files.map(bytesOf));
  const log = await openLog(folder, { origin, signer: await signerOf(flags) });
  try {
    const first = await log.append(entries);
    const refusal = policy === undefined ? undefined : await witnessedBy(log, policy, console);
    for (const [offset, file] of files.entries())
      await writeFileWhole(`${file}.tlog-proof`, await log.proof(first + offset));
    const appended = files.map((file, offset) => ({ file, index: first + offset, proof: `${file}.tlog-proof` }));
    if (json) {
      const { vkey, size } = log;
      console.print(
        JSON.stringify({ origin, vkey, size, appended, ...(refusal !== undefined && { refusal }) }, null, 2),
      );
    } else {
      for (const { file, index } of appended) console.print(`${file} is entry ${index}`);
      console.print(`${log.size} entries; what verifies the log: ${log.vkey}`);
      if (refusal !== undefined) console.print(`${console.printPaint.red("not witnessed")}: ${refusal}`);
    }
    return refusal === undefined ? 0 : 1;
  } finally {
    await log.close();
  }
}

/** Asks every witness that has a URL; gives why what they answer is not enough for the policy. */
async function witnessedBy(log: TransparencyLog, policy: LogPolicy, console: Console): Promise<string | undefined> {
  for (const { witness, url } of policy.urls ?? []) {
    try {
      await askWitness(log, witness, submitTo(url));
    } catch (error) {
      if (!(error instanceof EvidenceError)) throw error;
      console.error(`${console.paint.yellow("warning")} ${error.message}`);
    }
  }
  try {
    verifyWitnessed(log.checkpoint, policy);
    return undefined;
  } catch (error) {
    if (error instanceof EvidenceError) return error.message;
    throw error;
  }
}
