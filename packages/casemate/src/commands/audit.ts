import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import {
  AuditError,
  type AuditOptions,
  type AuditReport,
  auditInChild,
  evaluateGate,
  type Gate,
  parseGate,
  prepareFolder,
  writeReports,
} from "@casemate/audit";
import { Command, Option } from "commander";
import type { Console } from "../console.ts";
import type { ExitCode } from "../exit-code.ts";
import { interruptions } from "../interruptions.ts";
import { ProgressView } from "../progress-view.ts";
import { summaryOf } from "../summary.ts";
import { attacksAsJson, listedAttacks } from "./list-attacks.ts";
import { parseBudget, parseEpsilons, parseNames, wholeNumber } from "./options.ts";
import { checkSignFlags, type SignReportFlags, signReport } from "./sign-report.ts";

interface AuditFlags extends SignReportFlags {
  readonly list?: boolean;
  readonly attack?: readonly string[];
  readonly data?: string;
  readonly contract?: string;
  readonly profile: NonNullable<AuditOptions["profile"]>;
  readonly norm: NonNullable<AuditOptions["norm"]>;
  readonly epsilon?: readonly number[];
  readonly samples?: number;
  readonly seed: number;
  readonly budget?: NonNullable<AuditOptions["budget"]>;
  readonly gate?: string;
  readonly device: string;
  readonly threads?: number;
  readonly resume?: boolean;
  readonly trust?: boolean;
  readonly json?: boolean;
  readonly verbose?: boolean;
}

/** `casemate audit`: attacks models in a child process, writes the reports and tells what they say. */
export function auditCommand(console: Console, args: readonly string[], finish: (code: ExitCode) => void): Command {
  return new Command("audit")
    .description("Attack one or several models and report what they withstand.")
    .argument("[model...]", ".onnx files; several are compared, the first with each of the others")
    .option("--list", "print the attacks of each profile, and those that run when named; attacks nothing")
    .option("--data <path>", "labelled samples: .npz, .csv, .jsonl, or a folder of pictures with one folder per class")
    .option("--contract <file>", "contract of the models (default: <model>.contract.json beside each)")
    .addOption(
      new Option("--profile <name>", "how hard to try").choices(["quick", "standard", "thorough"]).default("standard"),
    )
    .addOption(
      new Option("--norm <name>", "how perturbations are measured").choices(["linf", "l2", "l1", "l0"]).default("linf"),
    )
    .option("--attack <ids>", "run these attacks instead of the profile's, with commas: see --list", parseNames)
    .option(
      "--epsilon <list>",
      "radius such as 0.3 or 8/255; several with commas: the verdict is about the largest",
      parseEpsilons,
    )
    .option("--samples <n>", "use only so many samples, drawn by the seed", wholeNumber(1))
    .option("--seed <n>", "of all random draws", wholeNumber(0), 0)
    .option("--trust", "audit a model that the scan of its file calls malicious all the same")
    .option("--budget <amount>", "stop after 120s, 2m or 5000q (queries), and report what there is", parseBudget)
    .option("--gate <file>", "thresholds that must be met")
    .option("--sign <key>", "sign what was measured with this private key in PEM (mode 0600), beside the report")
    .option("--thresholds <file>", "what had been approved before the audit, as a JSON list; goes into what is signed")
    .option(
      "--registry <url>",
      "put what was signed on a version there (default: CASEMATE_REGISTRY; token: CASEMATE_TOKEN)",
    )
    .option("--as <version>", "the version in the registry, such as digits/3")
    .option("--out <folder>", "where reports go", "casemate-report")
    .option("--resume", "take up the run whose checks are in the folder of --out")
    .option("--device <name>", "where models run: cpu, cuda, webgpu …", "cpu")
    .option(
      "--threads <n>",
      "threads of the runtime at most (default: all cores; small models use one)",
      wholeNumber(1),
    )
    .option("--json", "print the report as JSON on standard output, and nothing else there")
    .option("--verbose", "show where an error came from, and the process that runs the checks")
    .addHelpText("after", EXAMPLES)
    .action(async (models: readonly string[], flags: AuditFlags) => finish(await run(models, flags, console, args)));
}

const EXAMPLES = `
Exit codes: 0 completed, 1 a gate was not met, 2 wrong use or bad input, 3 a check or the run failed.

Examples:
  casemate audit model.onnx --data samples.npz --epsilon 8/255
  casemate audit old.onnx new.onnx --data samples.npz --epsilon 0.3 --profile quick --out report
  casemate audit model.onnx --data pictures --budget 10m --gate gate.json --json > report.json
  casemate audit model.onnx --data samples.npz --out report --resume
  casemate audit model.onnx --data samples.npz --sign evaluation.pem --registry http://127.0.0.1:7420 --as digits/3
  casemate audit --list
  casemate audit model.onnx --data samples.npz --attack fgsm,hop-skip-jump --epsilon 0.1
`;

async function run(
  models: readonly string[],
  flags: AuditFlags,
  console: Console,
  args: readonly string[],
): Promise<ExitCode> {
  const { data, contract, gate: gatePath, out, json = false } = flags;
  if (flags.list) {
    const text = json
      ? JSON.stringify(attacksAsJson(flags.norm), null, 2)
      : listedAttacks(flags.norm, console.printPaint);
    console.print(text);
    return 0;
  }
  if (models.length === 0) throw new AuditError("INVALID_OPTION", "no model: expected one or several .onnx files");
  if (data === undefined) {
    throw new AuditError("INVALID_OPTION", "no samples: --data names a file or a folder of labelled samples");
  }
  const gate = gatePath === undefined ? undefined : await readGate(gatePath);
  await checkSignFlags(flags, models.length);
  await prepareFolder(out);
  const specs = models.map((model) => ({ model, data, ...(contract !== undefined && { contract }) }));
  const ended = await audited(specs, optionsOf(flags, args), console, flags.verbose ?? false);
  const report = gate ? { ...ended, gate: evaluateGate(gate, ended) } : ended;
  const written = await writeReports(report, out);
  await signReport(report, written.json, flags, console);
  if (json) console.print(JSON.stringify(report, null, 2));
  else console.print(summaryOf(report, written.html, console.printPaint));
  return exitCodeOf(report);
}

function optionsOf(flags: AuditFlags, args: readonly string[]): AuditOptions {
  const { epsilon, samples, budget, threads, resume, trust, profile, attack, norm, seed, device, out } = flags;
  return {
    profile,
    ...(attack && { attacks: attack }),
    norm,
    seed,
    device,
    store: join(resolve(out), "checks"),
    command: ["casemate", ...args].map(quoted).join(" "),
    ...(epsilon && { epsilons: epsilon }),
    ...(samples !== undefined && { samples }),
    ...(budget && { budget }),
    ...(threads !== undefined && { threads }),
    ...(resume && { resume }),
    ...(trust && { trust }),
  };
}

async function audited(
  specs: Parameters<typeof auditInChild>[0],
  options: AuditOptions,
  console: Console,
  isVerbose: boolean,
): Promise<AuditReport> {
  const view = new ProgressView(console);
  const signals = interruptions(console);
  const events = auditInChild(specs, options, {
    ...signals,
    ...(isVerbose && { onStart: (pid) => console.error(`checks run in process ${pid}`) }),
  });
  try {
    for (;;) {
      const { done, value } = await events.next();
      if (done) return value;
      view.show(value);
    }
  } finally {
    view.end();
    signals.forget();
  }
}

async function readGate(path: string): Promise<Gate> {
  let json: unknown;
  try {
    json = JSON.parse(await readFile(path, "utf8"));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new AuditError("INVALID_GATE", `gate ${path}: cannot be read: ${reason}`, { cause });
  }
  return parseGate(json, `gate ${path}`);
}

function exitCodeOf({ status, subjects, gate }: AuditReport): ExitCode {
  const hasFailed = subjects.some(({ checks }) => checks.some((check) => check.status === "failed"));
  if (status === "partial" || hasFailed) return 3;
  return gate && !gate.met ? 1 : 0;
}

/** An argument as a shell takes it. */
function quoted(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", `'\\''`)}'`;
}
