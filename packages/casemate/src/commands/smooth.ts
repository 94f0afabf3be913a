import { dirname } from "node:path";
import {
  AuditError,
  prepareFolder,
  radiusChart,
  type SmoothingReport,
  type SmoothOptions,
  smoothedFile,
  smoothModel,
  writeFileWhole,
} from "@casemate/audit";
import { Command } from "commander";
import type { Console } from "../console.ts";
import type { ExitCode } from "../exit-code.ts";
import { duration } from "../progress-view.ts";
import { table } from "../table.ts";
import { type CertificationFlags, certificationOptionsOf, withCertification } from "./certification-flags.ts";
import { numberUpTo, wholeNumber } from "./options.ts";
import { untilInterrupted } from "./run-certification.ts";

interface SmoothFlags extends CertificationFlags {
  readonly sigma: number;
  readonly data?: string;
  readonly draws: number;
  readonly choosingDraws: number;
  readonly alpha: number;
  readonly batchSize: number;
  readonly plot?: string;
  readonly output?: string;
  readonly copies: number;
}

/** `casemate smooth`: certifies a model under Gaussian noise, and writes one that answers under it. */
export function smoothCommand(console: Console, finish: (code: ExitCode) => void): Command {
  const command = new Command("smooth")
    .description("Certify L2 radii of a model under Gaussian noise (randomized smoothing), and write it smoothed.")
    .argument("<model>", "an .onnx file")
    .requiredOption("--sigma <deviation>", "of the noise, in the units of the samples", numberUpTo(Infinity))
    .option("--data <path>", "labelled samples to certify: .npz, .csv, .jsonl, or a folder of pictures")
    .option("--draws <n>", "noisy copies that bound the probability of a class", wholeNumber(1), 100_000)
    .option("--choosing-draws <n>", "others, that choose the class", wholeNumber(1), 100)
    .option("--alpha <share>", "probability that a certificate is wrong", numberUpTo(1), 0.001)
    .option("--batch-size <n>", "noisy copies in a pass", wholeNumber(1), 1000)
    .option("--plot <file>", "draw certified accuracy by radius there, as SVG")
    .option("--output <file>", "write the smoothed model there as .onnx, its contract beside it; it certifies nothing")
    .option("--copies <n>", "noisy copies that vote in that model", wholeNumber(1), 100);
  return withCertification(command)
    .addHelpText("after", EXAMPLES)
    .action(async (model: string, flags: SmoothFlags) => finish(await run(model, flags, console)));
}

const EXAMPLES = `
Exit codes: 0 completed, 2 wrong use or bad input, 3 the run failed.

Examples:
  casemate smooth model.onnx --data samples.npz --sigma 0.25 --draws 10000 --samples 200 --plot curve.svg
  casemate smooth model.onnx --sigma 0.25 --copies 100 --output smoothed.onnx
`;

async function run(model: string, flags: SmoothFlags, console: Console): Promise<ExitCode> {
  const { data, contract, sigma, copies, out, plot, output, json = false } = flags;
  if (data === undefined && (output === undefined || out !== undefined || plot !== undefined)) {
    throw new AuditError("INVALID_OPTION", "--data: expected labelled samples to certify, got none");
  }
  const about = { ...(contract !== undefined && { contract }), ...(data !== undefined && { data }) };
  for (const path of [out, plot, output]) if (path !== undefined) await prepareFolder(dirname(path));
  const served = output === undefined ? undefined : await smoothedFile(model, { sigma, copies, ...about });
  const report = data === undefined ? undefined : await certified({ model, ...about, data }, flags, console);
  const text = report && JSON.stringify(report, null, 2);
  if (out !== undefined) await writeFileWhole(out, `${text}\n`);
  if (report && plot !== undefined) await writeFileWhole(plot, radiusChart(report));
  const written = [out, plot].filter((path) => path !== undefined);
  if (served && output !== undefined) {
    const contractPath = output.replace(/(\.onnx)?$/i, ".contract.json");
    await writeFileWhole(contractPath, `${JSON.stringify(served.contract, null, 2)}\n`);
    await writeFileWhole(output, served.bytes);
    written.push(output, contractPath);
  }
  if (json) {
    const servedReport = { model, sigma, copies, output, assumptions: served?.assumptions };
    console.print(text ?? JSON.stringify(servedReport, null, 2));
    return 0;
  }
  for (const sentence of report?.assumptions ?? served?.assumptions ?? []) {
    console.print(`${console.printPaint.yellow("assumed")} ${sentence}`);
  }
  if (report) console.print(summaryOf(report, console));
  if (written.length > 0) console.print(`Wrote ${written.join(", ")}.`);
  if (served) console.print(`${output} votes over ${copies} noisy copies; its answers carry no certificate.`);
  return 0;
}

function certified(
  spec: { readonly model: string; readonly data: string; readonly contract?: string },
  flags: SmoothFlags,
  console: Console,
): Promise<SmoothingReport> {
  return untilInterrupted((signal) => watched(smoothModel(spec, optionsOf(flags, signal)), console), console);
}

function optionsOf(flags: SmoothFlags, signal: AbortSignal): SmoothOptions {
  const { sigma, draws, choosingDraws, alpha, batchSize } = flags;
  return { sigma, draws, choosingDraws, alpha, batchSize, ...certificationOptionsOf(flags, signal) };
}

async function watched(events: ReturnType<typeof smoothModel>, console: Console): Promise<SmoothingReport> {
  const startedAt = performance.now();
  try {
    for (;;) {
      const { done, value } = await events.next();
      if (done) return value;
      const left = ((performance.now() - startedAt) / 1000) * (value.total / value.done - 1);
      console.draw(`certifying ${Math.floor((100 * value.done) / value.total)}%  ${duration(left)} left`);
    }
  } finally {
    console.draw("");
  }
}

function summaryOf(report: SmoothingReport, { printPaint: paint }: Console): string {
  const { samples, clean, abstained, wrong, curve, sigma, draws, alpha } = report;
  const share = (count: number) => `${((100 * count) / samples).toFixed(1)} %`;
  const row = (name: string, count: number) => [name, `${count} of ${samples}`, share(count)];
  return [
    `Smoothed at sigma ${sigma}, ${draws} draws, alpha ${alpha} for each sample:`,
    table(
      [
        row("right of the model itself, without noise", clean),
        row("right when smoothed", curve[0]!.count),
        row("wrong when smoothed", wrong),
        row("abstained", abstained),
      ],
      ["left", "right", "right"],
    ),
    table(
      [
        ["L2 radius", "certified", "share"].map(paint.bold),
        ...curve.map(({ radius, count }) => [
          String(Number(radius.toPrecision(4))),
          `${count} of ${samples}`,
          share(count),
        ]),
      ],
      ["right", "right", "right"],
    ),
  ].join("\n");
}
