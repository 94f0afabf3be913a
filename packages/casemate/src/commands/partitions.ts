import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import {
  AuditError,
  type PartitionedModel,
  type PartitionModelEvent,
  type PartitionReport,
  partitionChart,
  partitionModel,
  prepareFolder,
  writeFileWhole,
} from "@casemate/audit";
import { Command } from "commander";
import type { Console } from "../console.ts";
import type { ExitCode } from "../exit-code.ts";
import { interruptions } from "../interruptions.ts";
import { duration } from "../progress-view.ts";
import { table } from "../table.ts";
import { wholeNumber } from "./options.ts";
import { addArchitectureOptions, type NetworkFlags, subjectOf } from "./train.ts";
import { addTrainingOptions, type TrainingFlags, trainModelOptionsOf } from "./training-flags.ts";

interface PartitionFlags extends TrainingFlags, NetworkFlags {
  readonly parts: number;
  readonly test?: string;
}

/** `casemate partitions`: a vote of models that each poisoned training sample reaches one of. */
export function partitionsCommand(console: Console, finish: (code: ExitCode) => void): Command {
  const command = new Command("partitions")
    .description("Train a model on each part of the data, and certify their vote against poisoned training samples.")
    .argument("[model]", "an .onnx file that all parts go on from")
    .option("--parts <n>", "of the training data, and models that vote", wholeNumber(1), 50)
    .option("--test <path>", "labelled samples to certify");
  return addTrainingOptions(addArchitectureOptions(command), "plain", "certified accuracy by poisoned training samples")
    .addHelpText("after", EXAMPLES)
    .action(async (model: string | undefined, flags: PartitionFlags) => finish(await run(model, flags, console)));
}

const EXAMPLES = `
The file holds all models and their vote. Each part is trained by the options alone: --time-limit is refused.

Exit codes: 0 completed, 2 wrong use or bad input, 3 ended by a signal (nothing but checkpoints is written) or failed.

Examples:
  casemate partitions --architecture cnn --data train.npz --test test.npz --parts 50 --shift 2 --out voting.onnx --plot poison.svg
`;

async function run(model: string | undefined, flags: PartitionFlags, console: Console): Promise<ExitCode> {
  const { parts, test, out, plot, resume = false, json = false } = flags;
  if (test === undefined) throw new AuditError("INVALID_OPTION", "--test: expected samples to certify, got none");
  if (flags.timeLimit !== undefined)
    throw new AuditError("INVALID_OPTION", "--time-limit: expected none, since votes would depend on the clock");
  const signals = interruptions(console);
  try {
    const options = trainModelOptionsOf(flags, subjectOf(model, flags), signals.stop);
    const checkpoints = `${out}.parts`;
    for (const path of [out, ...(plot === undefined ? [] : [plot])]) await prepareFolder(dirname(path));
    await prepareFolder(checkpoints);
    const checkpoint = { path: join(checkpoints, "checkpoint"), resume };
    const { bytes, contract, report } = await watched(partitionModel({ ...options, parts, test, checkpoint }), console);
    const text = JSON.stringify(report, null, 2);
    await writeFileWhole(out.replace(/(\.onnx)?$/i, ".contract.json"), `${JSON.stringify(contract, null, 2)}\n`);
    await writeFileWhole(`${out}.partitions.json`, `${text}\n`);
    if (plot !== undefined) await writeFileWhole(plot, partitionChart(report));
    await writeFileWhole(out, bytes);
    await rm(checkpoints, { recursive: true });
    console.print(json ? text : summaryOf(report, plot === undefined ? [out] : [out, plot], console));
    return 0;
  } catch (error) {
    if (!signals.stop.aborted) throw error;
    throw new AuditError("INTERRUPTED", "ended before all parts were trained; --resume goes on", { cause: error });
  } finally {
    signals.forget();
  }
}

async function watched(
  events: AsyncGenerator<PartitionModelEvent, PartitionedModel>,
  console: Console,
): Promise<PartitionedModel> {
  const startedAt = performance.now();
  const seconds = () => (performance.now() - startedAt) / 1000;
  let [part, parts] = [0, 1];
  try {
    for (;;) {
      const { done, value } = await events.next();
      if (done) return value;
      if (value.type === "assumed")
        for (const sentence of value.assumptions) console.error(`${console.paint.yellow("assumed")} ${sentence}`);
      else if (value.type === "part-started") {
        ({ part, parts } = value);
        console.error(
          `part ${part + 1} of ${parts}: ${value.samples} samples ${console.paint.dim(`(${duration(seconds())})`)}`,
        );
      } else if (value.type === "certifying") console.draw(`certifying ${Math.floor(100 * value.fraction)}%`);
      else if (value.event.type === "progress") {
        const share = (part + value.event.step / value.event.steps) / parts;
        const left = seconds() * (1 / share - 1);
        console.draw(`part ${part + 1} of ${parts}  ${Math.floor(100 * share)}%  ${duration(left)} left`);
      }
    }
  } finally {
    console.draw("");
  }
}

/** Rows of the table at most, evenly among the numbers of poisoned samples. */
const ROWS = 10;

function summaryOf(
  report: PartitionReport,
  [out, ...plots]: readonly string[],
  { printPaint: paint }: Console,
): string {
  const { samples, voted, certified, parts, sizes } = report;
  const share = (count: number) => `${((100 * count) / samples).toFixed(1)} %`;
  const every = Math.max(1, Math.ceil((certified.length - 1) / ROWS));
  const rows = certified.filter(({ poisoned }) => poisoned > 0 && poisoned % every === 0);
  return [
    `${parts} models vote, each trained on ${Math.min(...sizes)} to ${Math.max(...sizes)} samples.`,
    table(
      [
        ["poisoned training samples", "certified", "share"].map(paint.bold),
        ["0 (right by votes)", `${voted} of ${samples}`, share(voted)],
        ...rows.map(({ poisoned, count }) => [String(poisoned), `${count} of ${samples}`, share(count)]),
      ],
      ["right", "right", "right"],
    ),
    `Wrote ${[out, ...plots].join(", ")} and ${out}.partitions.json.`,
  ].join("\n");
}
