import { type PatchReport, patchCertificates } from "@casemate/audit";
import { Command, Option } from "commander";
import type { Console } from "../console.ts";
import type { ExitCode } from "../exit-code.ts";
import { table } from "../table.ts";
import { type CertificationFlags, certificationOptionsOf, withCertification } from "./certification-flags.ts";
import { wholeNumber } from "./options.ts";
import { runCertification } from "./run-certification.ts";

interface PatchFlags extends CertificationFlags {
  readonly data: string;
  readonly ablation: "column" | "row" | "block";
  readonly size: number;
  readonly threshold: number;
  readonly batchSize: number;
}

/** `casemate patches`: what no patch on a picture changes. */
export function patchesCommand(console: Console, finish: (code: ExitCode) => void): Command {
  const command = new Command("patches")
    .description(
      "Certify pictures against patches of any content, anywhere: a vote over views with all but a part hidden.",
    )
    .argument("<model>", "an .onnx file that was trained on such views (casemate train --method ablation)")
    .requiredOption("--data <path>", "labelled pictures: .npz, or a folder of pictures with one folder per class")
    .addOption(
      new Option("--ablation <kind>", "what a view leaves").choices(["column", "row", "block"]).default("column"),
    )
    .option("--size <n>", "columns, rows, or pixels along a side that a view leaves", wholeNumber(1), 4)
    .option("--threshold <share>", "probability from which on a view votes for a class", Number, 0.2)
    .option("--batch-size <n>", "views in a pass", wholeNumber(1), 1000);
  return withCertification(command)
    .addHelpText("after", EXAMPLES)
    .action(async (model: string, flags: PatchFlags) => finish(await run(model, flags, console)));
}

const EXAMPLES = `
Exit codes: 0 completed, 2 wrong use or bad input, 3 the run failed.

Examples:
  casemate train --architecture cnn --data train.npz --method ablation --out voting.onnx
  casemate patches voting.onnx --data test.npz --ablation column --size 4
`;

function run(model: string, flags: PatchFlags, console: Console): Promise<ExitCode> {
  const { data, contract, ablation: kind, size, threshold, batchSize } = flags;
  const spec = { model, data, ...(contract !== undefined && { contract }) };
  const certify = (signal: AbortSignal) => {
    const common = certificationOptionsOf(flags, signal);
    return watched(patchCertificates(spec, { ablation: { kind, size }, threshold, batchSize, ...common }), console);
  };
  return runCertification(certify, summaryOf, flags, console);
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
