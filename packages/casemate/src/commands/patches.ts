import { AuditError, type PatchReport, patchCertificates, writeFileWhole } from "@casemate/audit";
import { Command, Option } from "commander";
import type { Console } from "../console.ts";
import type { ExitCode } from "../exit-code.ts";
import { interruptions } from "../interruptions.ts";
import { table } from "../table.ts";
import { wholeNumber } from "./options.ts";

interface PatchFlags {
  readonly data: string;
  readonly contract?: string;
  readonly ablation: "column" | "row" | "block";
  readonly size: number;
  readonly threshold: number;
  readonly samples?: number;
  readonly seed: number;
  readonly batchSize: number;
  readonly threads?: number;
  readonly out?: string;
  readonly json?: boolean;
}

/** `casemate patches`: what no patch on a picture changes. */
export function patchesCommand(console: Console, finish: (code: ExitCode) => void): Command {
  return new Command("patches")
    .description(
      "Certify pictures against patches of any content, anywhere: a vote over views with all but a part hidden.",
    )
    .argument("<model>", "an .onnx file that was trained on such views (casemate train --method ablation)")
    .requiredOption("--data <path>", "labelled pictures: .npz, or a folder of pictures with one folder per class")
    .option("--contract <file>", "contract of the model (default: <model>.contract.json beside it)")
    .addOption(
      new Option("--ablation <kind>", "what a view leaves").choices(["column", "row", "block"]).default("column"),
    )
    .option("--size <n>", "columns, rows, or pixels along a side that a view leaves", wholeNumber(1), 4)
    .option("--threshold <share>", "probability from which on a view votes for a class", Number, 0.2)
    .option("--samples <n>", "use only so many samples, drawn by the seed", wholeNumber(1))
    .option("--seed <n>", "of the samples that are drawn", wholeNumber(0), 0)
    .option("--batch-size <n>", "views in a pass", wholeNumber(1), 1000)
    .option("--threads <n>", "threads of the runtime at most (default: all cores)", wholeNumber(1))
    .option("--out <file>", "write the report there as JSON, with a certificate for each sample")
    .option("--json", "print the report as JSON on standard output, and nothing else there")
    .option("--verbose", "show where an error came from")
    .addHelpText("after", EXAMPLES)
    .action(async (model: string, flags: PatchFlags) => finish(await run(model, flags, console)));
}

const EXAMPLES = `
Exit codes: 0 completed, 2 wrong use or bad input, 3 the run failed.

Examples:
  casemate train --architecture cnn --data train.npz --method ablation --out voting.onnx
  casemate patches voting.onnx --data test.npz --ablation column --size 4
`;

async function run(model: string, flags: PatchFlags, console: Console): Promise<ExitCode> {
  const {
    data,
    contract,
    ablation: kind,
    size,
    threshold,
    samples,
    seed,
    batchSize,
    threads,
    out,
    json = false,
  } = flags;
  const signals = interruptions(console);
  const spec = { model, data, ...(contract !== undefined && { contract }) };
  const events = patchCertificates(spec, {
    ablation: { kind, size },
    threshold,
    seed,
    batchSize,
    signal: signals.stop,
    ...(samples !== undefined && { samples }),
    ...(threads !== undefined && { threads }),
  });
  try {
    const report = await watched(events, console);
    const text = JSON.stringify(report, null, 2);
    if (out !== undefined) await writeFileWhole(out, `${text}\n`);
    console.print(json ? text : summaryOf(report, console));
    return 0;
  } catch (error) {
    if (!signals.stop.aborted) throw error;
    throw new AuditError("INTERRUPTED", "certification was ended before it had finished", { cause: error });
  } finally {
    signals.forget();
  }
}

async function watched(events: ReturnType<typeof patchCertificates>, console: Console): Promise<PatchReport> {
  const startedAt = performance.now();
  try {
    for (;;) {
      const { done: isDone, value } = await events.next();
      if (isDone) return value;
      const left = ((performance.now() - startedAt) / 1000) * (value.total / value.done - 1);
      console.draw(`views ${Math.floor((100 * value.done) / value.total)}%, ${Math.ceil(left)} s left`);
    }
  } finally {
    console.draw("");
  }
}

function summaryOf(report: PatchReport, { printPaint: paint }: Console): string {
  const { samples, clean, voted, certified, ablation, assumptions } = report;
  const row = (name: string, count: number) => [
    name,
    `${count} of ${samples}`,
    `${((100 * count) / samples).toFixed(1)} %`,
  ];
  return [
    ...assumptions.map((sentence) => `${paint.yellow("assumed")} ${sentence}`),
    `Votes over views of ${ablation.size} ${ablation.kind === "block" ? "pixels a side" : `${ablation.kind}s`}:`,
    table([
      row("right on whole pictures", clean),
      row("right by votes", voted),
      ...certified.map(({ side, count }) => row(`certified, patch ${side}×${side}`, count)),
    ]),
  ].join("\n");
}
