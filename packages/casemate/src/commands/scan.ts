import { readFile } from "node:fs/promises";
import { AuditError, writeFileWhole } from "@casemate/audit";
import {
  type FileReport,
  type FindingReport,
  parseSuppressions,
  renderCycloneDx,
  renderScanJunit,
  renderScanSarif,
  type ScanOptions,
  type ScanReport,
  type Suppression,
  scanPaths,
  type Verdict,
} from "@casemate/scan";
import { Command, Option } from "commander";
import type { Console } from "../console.ts";
import type { ExitCode } from "../exit-code.ts";
import { interruptions } from "../interruptions.ts";
import { parseNames, wholeNumber } from "./options.ts";
import { readManifest } from "./read-manifest.ts";

interface ScanFlags {
  readonly failOn: "suspicious" | "unscannable" | "never";
  readonly timeLimit?: number;
  readonly jobs?: number;
  readonly crc: boolean;
  readonly popular?: string;
  readonly internal?: readonly string[];
  readonly osv?: string;
  readonly suppress?: string;
  readonly dataset?: readonly string[];
  readonly out?: string;
  readonly sarif?: string;
  readonly junit?: string;
  readonly bom?: string;
  readonly json?: boolean;
  readonly all?: boolean;
}

/** `casemate scan`: what model files would do, before anything loads them. */
export function scanCommand(console: Console, finish: (code: ExitCode) => void): Command {
  return new Command("scan")
    .description("Say what model files would do, before anything loads them. Nothing that is scanned is run.")
    .argument("<path...>", "files and folders")
    .addOption(
      new Option("--fail-on <verdict>", "end with 1 from this verdict on: unscannable stands for malicious as well")
        .choices(["suspicious", "unscannable", "never"])
        .default("unscannable"),
    )
    .option("--time-limit <seconds>", "for each file (default: 600)", wholeNumber(1))
    .option("--jobs <n>", "files at the same time (default: one for each core)", wholeNumber(1))
    .option("--no-crc", "do not read every byte: no checksums, no digests, no look into the numbers of tensors")
    .option(
      "--popular <file>",
      "names of packages that people trust, one on a line (default: 5,000 of PyPI and npm each)",
    )
    .option("--internal <names>", "packages of your own, with commas between; acme-* for all that begin so", parseNames)
    .option("--osv <folder>", "an export of OSV, to hold versions against its advisories")
    .option("--suppress <file>", "findings that somebody has accepted: rule, sha256, reason, expires")
    .option("--out <file>", "write the report there as JSON")
    .option("--sarif <file>", "write it there as SARIF, for code scanning")
    .option("--junit <file>", "write it there as JUnit XML")
    .option("--bom <file>", "write a bill of materials there, as CycloneDX 1.6")
    .option("--dataset <files>", "manifests of the training data, for the bill of materials", parseNames)
    .option("--json", "print the report as JSON on standard output, and nothing else there")
    .option("--all", "list clean files and notes as well")
    .option("--verbose", "show where an error came from")
    .addHelpText("after", EXAMPLES)
    .action(async (paths: readonly string[], flags: ScanFlags) => finish(await run(paths, flags, console)));
}

const EXAMPLES = `
Exit codes: 0 nothing that --fail-on names, 1 something of it, 2 wrong use or bad input, 3 the scan failed.
"clean" means that no known indicator was found, never that a file is safe.

Examples:
  casemate scan model.pt
  casemate scan downloads/ --fail-on suspicious --sarif scan.sarif --bom model.cdx.json
  casemate scan . --internal "acme-*" --osv advisories/ --suppress accepted.json
`;

async function run(paths: readonly string[], flags: ScanFlags, console: Console): Promise<ExitCode> {
  const { failOn, json = false, all = false } = flags;
  const signals = interruptions(console);
  try {
    const events = scanPaths(paths, { ...optionsOf(flags, await suppressionsOf(flags)), signal: signals.stop });
    const report = await watched(events, console);
    const text = JSON.stringify(report, null, 2);
    await writeReports(report, text, flags);
    console.print(json ? text : summaryOf(report, all, console));
    return FAILING[failOn].has(report.verdict) ? 1 : 0;
  } catch (error) {
    if (!signals.stop.aborted) throw error;
    throw new AuditError("INTERRUPTED", "the scan was ended before it had finished", { cause: error });
  } finally {
    signals.forget();
  }
}

function optionsOf(
  { timeLimit, jobs, crc, popular, internal, osv }: ScanFlags,
  suppressions: readonly Suppression[],
): ScanOptions {
  return {
    suppressions,
    limits: { checksums: crc, ...(timeLimit !== undefined && { seconds: timeLimit }) },
    dependencies: {
      ...(popular !== undefined && { popular }),
      ...(internal !== undefined && { internal }),
      ...(osv !== undefined && { osv }),
    },
    ...(jobs !== undefined && { jobs }),
  };
}

async function suppressionsOf({ suppress }: ScanFlags): Promise<readonly Suppression[]> {
  return suppress === undefined ? [] : parseSuppressions(await textOf(suppress), suppress);
}

async function writeReports(report: ScanReport, text: string, flags: ScanFlags): Promise<void> {
  const { out, sarif, junit, bom, dataset = [] } = flags;
  if (out !== undefined) await writeFileWhole(out, `${text}\n`);
  if (sarif !== undefined) await writeFileWhole(sarif, `${JSON.stringify(renderScanSarif(report), null, 2)}\n`);
  if (junit !== undefined) await writeFileWhole(junit, renderScanJunit(report));
  if (bom === undefined) return;
  const datasets = await Promise.all(dataset.map(readManifest));
  await writeFileWhole(bom, `${JSON.stringify(renderCycloneDx(report, datasets), null, 2)}\n`);
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new AuditError("INVALID_OPTION", `cannot read ${path}: ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    });
  }
}

const FAILING: Readonly<Record<ScanFlags["failOn"], ReadonlySet<Verdict>>> = {
  suspicious: new Set(["suspicious", "unscannable", "malicious"]),
  unscannable: new Set(["unscannable", "malicious"]),
  never: new Set(),
};

async function watched(events: ReturnType<typeof scanPaths>, console: Console): Promise<ScanReport> {
  let items = 0;
  let bytes = 0;
  try {
    for (;;) {
      const { done, value } = await events.next();
      if (done) return value;
      if (value.type === "started") ({ items, bytes } = value);
      else {
        const share = bytes > 0 ? value.doneBytes / bytes : value.done / items;
        console.draw(`scanned ${value.done} of ${items} (${Math.floor(100 * share)}%) ${value.report.path}`);
      }
    }
  } finally {
    console.draw("");
  }
}

function summaryOf(report: ScanReport, all: boolean, { printPaint: paint }: Console): string {
  const colour = { clean: paint.green, suspicious: paint.yellow, unscannable: paint.red, malicious: paint.red };
  const shown = report.files.filter(({ verdict }) => all || verdict !== "clean");
  const blocks = shown.map((file) => [
    `${colour[file.verdict](file.verdict)} ${paint.bold(file.path)}${formatsOf(file)}`,
    ...file.findings.filter((finding) => all || tells(finding)).flatMap((finding) => linesOf(finding, paint)),
  ]);
  const { clean, suspicious, unscannable, malicious } = report.counts;
  const counts = `${malicious} malicious, ${unscannable} unscannable, ${suspicious} suspicious, ${clean} with no known indicator`;
  return [...blocks.flat(), counts].join("\n");
}

function formatsOf({ formats }: FileReport): string {
  return formats.length === 0 ? "" : ` (${formats.join(", ")})`;
}

function tells({ severity }: FindingReport): boolean {
  return severity !== "info" && severity !== "low";
}

function linesOf(finding: FindingReport, paint: Console["paint"]): readonly string[] {
  const { severity, rule, title, entry, offset, part, evidence, effect, suppressed } = finding;
  const place = [entry, offset === undefined ? undefined : `byte ${offset}`, part].filter((each) => each !== undefined);
  return [
    `  ${severity} ${rule}: ${title}${place.length > 0 ? ` [${place.join(", ")}]` : ""}`,
    `    ${evidence}`,
    paint.dim(suppressed ? `    accepted until ${suppressed.expires}: ${suppressed.reason}` : `    ${effect}`),
  ];
}
