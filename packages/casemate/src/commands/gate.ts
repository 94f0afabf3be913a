import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { writeFileWhole } from "@casemate/audit";
import {
  EvidenceError,
  type Exhibit,
  evaluateGate,
  exhibitOf,
  type GateDecision,
  type GateLine,
  type LogPolicy,
  parseGatePolicy,
  parseLogPolicy,
  readGateSubject,
  renderGateSarif,
} from "@casemate/evidence";
import { Command } from "commander";
import type { Console } from "../console.ts";
import type { ExitCode } from "../exit-code.ts";
import { table } from "../table.ts";
import { version } from "../version.ts";
import { defaultSignaturePath, watchHashing } from "./model-signature.ts";
import { parseNames } from "./options.ts";
import { bytesOf, readKeyRing } from "./trust-flags.ts";

interface GateFlags {
  readonly policy: string;
  readonly subject: string;
  readonly evidence?: readonly string[];
  readonly keyRing: string;
  readonly signature?: string;
  readonly ignore?: readonly string[];
  readonly environment?: string;
  readonly author?: string;
  readonly logPolicy?: string;
  readonly sarif?: string;
  readonly json?: boolean;
}

/** `casemate gate`: whether the evidence about a model is what a policy asks for. */
export function gateCommand(console: Console, finish: (code: ExitCode) => void): Command {
  return new Command("gate")
    .description("Hold the signed evidence about a model against a policy, and say for each requirement why.")
    .requiredOption("--policy <file>", "what is required, as JSON (docs/guide/gate.md)")
    .requiredOption("--subject <path>", "the model: a file or a folder")
    .requiredOption("--key-ring <file>", "whose signatures count, from when until when, and for what")
    .option("--evidence <paths...>", "bundles, and folders of *.sigstore.json; FILE.tlog-proof beside one is its proof")
    .option("--signature <file>", "of the model (default: model.sig in the folder, or FILE.sig, if it is there)")
    .option("--ignore <paths>", "paths in the model that are no part of it, with commas between", parseNames)
    .option("--environment <name>", "that the model is to go to: evidence and keys for others do not count")
    .option("--author <name>", "who made the model: an approval of theirs does not count")
    .option("--log-policy <file>", "logs that are believed, and their witnesses (C2SP tlog-policy)")
    .option("--sarif <file>", "write the decision there as SARIF, for code scanning")
    .option("--json", "print the decision as JSON on standard output, and nothing else there")
    .option("--verbose", "show where an error came from")
    .addHelpText("after", EXAMPLES)
    .action(async (flags: GateFlags) => finish(await run(flags, console)));
}

const EXAMPLES = `
Exit codes: 0 every requirement is met, 1 one is not, or its evidence is missing or stale, 2 wrong use or bad input.

Examples:
  casemate gate --policy production.json --subject model.onnx --evidence evidence/ --key-ring keys.json
  casemate gate --policy production.json --subject model/ --evidence robustness.sigstore.json scan.sigstore.json \\
    --key-ring keys.json --environment production --log-policy log-policy --sarif gate.sarif
`;

async function run(flags: GateFlags, console: Console): Promise<ExitCode> {
  const { subject: path, environment, author, ignore, sarif, json = false } = flags;
  const policy = parseGatePolicy(await bytesOf(flags.policy), flags.policy);
  const ring = await readKeyRing(flags.keyRing);
  if (policy.log === true && flags.logPolicy === undefined)
    throw new EvidenceError("INVALID_OPTION", `${flags.policy} asks for a log: expected --log-policy`);
  const logPolicy =
    flags.logPolicy === undefined ? undefined : parseLogPolicy(await bytesOf(flags.logPolicy), flags.logPolicy);
  const signaturePath = flags.signature ?? (await defaultSignaturePath(path));
  const isSigned = flags.signature !== undefined || (await isFile(signaturePath));
  const files = [...(isSigned ? [signaturePath] : []), ...(await filesOf(flags.evidence ?? []))];
  const exhibits = await Promise.all(files.map((file) => exhibitIn(file, logPolicy)));
  const subject = await watchHashing(
    readGateSubject(path, { signaturePath, ...(ignore !== undefined && { ignorePaths: ignore }) }),
    console,
  );
  const decision = evaluateGate(policy, exhibits, subject, {
    ring,
    now: new Date(),
    ...(environment !== undefined && { environment }),
    ...(author !== undefined && { author }),
  });
  if (sarif !== undefined)
    await writeFileWhole(sarif, `${JSON.stringify(renderGateSarif(decision, path, version), null, 2)}\n`);
  console.print(json ? JSON.stringify(decision, null, 2) : describe(decision, console));
  return decision.passes ? 0 : 1;
}

async function exhibitIn(file: string, policy: LogPolicy | undefined): Promise<Exhibit> {
  const proof = `${file}.tlog-proof`;
  const text = policy !== undefined && (await isFile(proof)) ? (await bytesOf(proof)).toString("utf8") : undefined;
  return exhibitOf(
    file,
    await bytesOf(file),
    policy === undefined || text === undefined ? undefined : { text, policy },
  );
}

/** Files, and the bundles in folders, in a stable order. */
async function filesOf(paths: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(
    paths.map(async (path) => {
      if ((await stat(path).catch(() => undefined))?.isDirectory() !== true) return [path];
      const names = await readdir(path);
      return names
        .filter((name) => name.endsWith(".sigstore.json"))
        .sort()
        .map((name) => join(path, name));
    }),
  );
  return [...new Set(found.flat())];
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() === true;
}

function describe({ policy, passes, lines }: GateDecision, { printPaint: paint }: Console): string {
  const colour = (status: GateLine["status"]) =>
    status === "met" ? paint.green(status) : status === "stale" ? paint.yellow(status) : paint.red(status);
  const rows = lines.map(({ requirement, status, reason, evidence }) => [
    colour(status),
    requirement,
    evidence.length === 0 ? reason : `${reason} ${paint.dim(`[${evidence.join(", ")}]`)}`,
  ]);
  const open = lines.filter(({ status }) => status !== "met").length;
  const verdict = passes
    ? `${paint.green("passes")} ${policy}: all ${lines.length} requirements are met`
    : `${paint.red("does not pass")} ${policy}: ${open} of ${lines.length} requirements ${open === 1 ? "is" : "are"} not met`;
  return [...(rows.length > 0 ? [table(rows)] : []), verdict].join("\n");
}
