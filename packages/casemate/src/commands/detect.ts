import { dirname } from "node:path";
import {
  AuditError,
  type DetectEvent,
  type DetectedModel,
  type DetectionReport,
  type DetectModelOptions,
  detectModel,
  NORMS,
  prepareFolder,
  writeFileWhole,
} from "@casemate/audit";
import { type DetectorName, detectors } from "@casemate/defenses";
import { Command, Option } from "commander";
import type { Console } from "../console.ts";
import type { ExitCode } from "../exit-code.ts";
import { interruptions } from "../interruptions.ts";
import { duration } from "../progress-view.ts";
import { table } from "../table.ts";
import { numberUpTo, parseEpsilons, wholeNumber } from "./options.ts";

interface DetectFlags {
  readonly data?: string;
  readonly calibration?: string;
  readonly test?: string;
  readonly contract?: string;
  readonly method: DetectorName;
  readonly fpr: number;
  readonly norm: DetectModelOptions["norm"];
  readonly epsilon?: readonly number[];
  readonly samples: number;
  readonly steps: number;
  readonly restarts: number;
  readonly targets: number;
  readonly seed: number;
  readonly threads?: number;
  readonly output?: string;
  readonly out?: string;
  readonly json?: boolean;
}

/** `casemate detect`: fits a detector of attacks to a model, and attacks both together. */
export function detectCommand(console: Console, finish: (code: ExitCode) => void): Command {
  return new Command("detect")
    .description("Fit a detector of attacks to a model, calibrate it, and attack it without and with knowledge of it.")
    .argument("<model>", "an .onnx file")
    .option(
      "--data <path>",
      "clean labelled samples to fit and calibrate on: .npz, .csv, .jsonl, or a folder of pictures",
    )
    .option(
      "--calibration <path>",
      "others, that the model was not trained on, to set the threshold by (default: half of --data, which is then not fitted on)",
    )
    .option("--test <path>", "others to measure on (default: a third of --data, which is then not fitted on)")
    .option("--contract <file>", "contract of the model (default: <model>.contract.json beside it)")
    .addOption(
      new Option("--method <name>", "what inputs are scored by")
        .choices(Object.keys(detectors))
        .default("feature-squeezing"),
    )
    .option("--fpr <share>", "of clean samples that may be flagged", numberUpTo(1), 0.05)
    .option("--epsilon <radius>", "of the attacks, such as 0.1 or 8/255, in the units of the samples", parseEpsilons)
    .addOption(
      new Option("--norm <name>", "how perturbations are measured").choices(["linf", "l2", "l1"]).default("linf"),
    )
    .option("--samples <n>", "attack only so many test samples, drawn by the seed", wholeNumber(1), 100)
    .option("--steps <n>", "of both attacks from each start", wholeNumber(1), 100)
    .option("--restarts <n>", "of the adaptive attack for each target, from other points", wholeNumber(0), 2)
    .option("--targets <n>", "wrong classes that the adaptive attack tries", wholeNumber(1), 3)
    .option("--seed <n>", "of all random draws", wholeNumber(0), 0)
    .option("--threads <n>", "threads of the runtime at most (default: all cores)", wholeNumber(1))
    .option("--output <file>", "write the model with the detector in it there as .onnx: outputs logits and score")
    .option("--out <file>", "write the report there as JSON")
    .option("--json", "print the report as JSON on standard output, and nothing else there")
    .option("--verbose", "show where an error came from")
    .addHelpText("after", EXAMPLES)
    .action(async (model: string, flags: DetectFlags) => finish(await run(model, flags, console)));
}

const EXAMPLES = `
Exit codes: 0 completed, 2 wrong use or bad input, 3 the run failed.

Examples:
  casemate detect model.onnx --data train.npz --test test.npz --method mahalanobis --epsilon 8/255
  casemate detect model.onnx --data train.npz --epsilon 0.2 --fpr 0.01 --output detector.onnx --json
`;

async function run(model: string, flags: DetectFlags, console: Console): Promise<ExitCode> {
  const { data, epsilon, out, output, json = false } = flags;
  if (data === undefined) {
    throw new AuditError("INVALID_OPTION", "no samples: --data names a file or a folder of labelled samples");
  }
  if (epsilon?.length !== 1) throw new AuditError("INVALID_OPTION", "--epsilon: expected one radius");
  for (const path of [out, output]) if (path !== undefined) await prepareFolder(dirname(path));
  const signals = interruptions(console);
  try {
    const events = detectModel(optionsOf(model, data, epsilon[0]!, flags, signals.stop));
    const { bytes, report } = await watched(events, console);
    const text = JSON.stringify(report, null, 2);
    if (output !== undefined) await writeFileWhole(output, bytes);
    if (out !== undefined) await writeFileWhole(out, `${text}\n`);
    console.print(json ? text : summaryOf(report, console));
    const written = [out, output].filter((path) => path !== undefined);
    if (!json && written.length > 0) console.print(`Wrote ${written.join(", ")}.`);
    return 0;
  } catch (error) {
    if (!signals.stop.aborted) throw error;
    throw new AuditError("INTERRUPTED", "detection was ended before it had finished", { cause: error });
  } finally {
    signals.forget();
  }
}

function optionsOf(
  model: string,
  data: string,
  epsilon: number,
  { calibration, test, contract, method, fpr, norm, samples, steps, restarts, targets, seed, threads }: DetectFlags,
  signal: AbortSignal,
): DetectModelOptions {
  return {
    model,
    data,
    method,
    falsePositiveRate: fpr,
    norm,
    epsilon,
    samples,
    steps,
    restarts,
    targets,
    seed,
    signal,
    ...(calibration !== undefined && { calibration }),
    ...(test !== undefined && { test }),
    ...(contract !== undefined && { contract }),
    ...(threads !== undefined && { threads }),
  };
}

async function watched(events: AsyncGenerator<DetectEvent, DetectedModel>, console: Console): Promise<DetectedModel> {
  let stage: DetectEvent["stage"] | undefined;
  let startedAt = performance.now();
  try {
    for (;;) {
      const { done, value } = await events.next();
      if (done) return value;
      if (value.stage !== stage) startedAt = performance.now();
      stage = value.stage;
      const left = ((performance.now() - startedAt) / 1000) * (1 / value.fraction - 1);
      const ahead = value.fraction > 0 && value.fraction < 1 ? ` ${duration(left)} left` : "";
      console.draw(`${stage} ${Math.floor(100 * value.fraction)}% ${ahead}`.trimEnd());
    }
  } finally {
    console.draw("");
  }
}

function summaryOf(report: DetectionReport, { printPaint: paint }: Console): string {
  const { method, citation, samples, falsePositives, areaUnderCurve, attacked, plain, adaptive, norm, epsilon } =
    report;
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const counted = ({ count, of, share, interval }: Omit<DetectionReport["falsePositives"], "stated">) => [
    percent(share),
    `${count} of ${of}`,
    `${percent(interval.lower)} to ${percent(interval.upper)}`,
  ];
  const area = areaUnderCurve && [areaUnderCurve.area, areaUnderCurve.interval.lower, areaUnderCurve.interval.upper];
  const [value, lower, upper] = area?.map((each) => each.toFixed(3)) ?? ["-", "", ""];
  return [
    ...report.assumptions.map((sentence) => `${paint.yellow("assumed")} ${sentence}`),
    `Detector ${paint.bold(method)} (${citation.text}), fitted on ${samples.fit} samples, calibrated on ${samples.calibration}; in ${NORMS[norm]} within ${Number(epsilon.toPrecision(6))}:`,
    table(
      [
        ["", "measured", "", "95 % interval"].map(paint.bold),
        [`clean flagged (${percent(falsePositives.stated)} stated)`, ...counted(falsePositives)],
        ["area under the curve, plain attack", value!, "", area ? `${lower} to ${upper}` : ""],
        ["made wrong by the plain attack", ...counted(plain.wrong)],
        ["wrong and undetected, plain", ...counted(plain.undetected)],
        ["wrong and undetected, adaptive", ...counted(adaptive.undetected)],
      ],
      ["left", "right", "right", "right"],
    ),
    `Attacked: the ${attacked} drawn test samples that the model gets right; PGD with ${plain.steps} steps, adaptive with ${adaptive.restarts} restarts for each of ${adaptive.targets} targets.`,
  ].join("\n");
}
