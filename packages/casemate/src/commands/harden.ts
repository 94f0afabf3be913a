import { AuditError } from "@casemate/audit";
import { trainingMethods } from "@casemate/defenses";
import { Command, Option } from "commander";
import type { Console } from "../console.ts";
import type { ExitCode } from "../exit-code.ts";
import { table } from "../table.ts";
import { parseEpsilons, wholeNumber } from "./options.ts";
import { runTraining } from "./run-training.ts";
import { addTrainingOptions, type TrainingFlags, trainModelOptionsOf } from "./training-flags.ts";

interface HardenFlags extends TrainingFlags {
  readonly list?: boolean;
  readonly test?: string;
  readonly testEpsilon?: readonly number[];
  readonly testAttack: "pgd" | "autoattack" | "none";
  readonly testSamples?: number;
}

/** `casemate harden`: trains a model to withstand attacks, and measures it before and after. */
export function hardenCommand(console: Console, finish: (code: ExitCode) => void): Command {
  const command = new Command("harden")
    .description("Train a model to withstand attacks, and measure what it withstands before and after.")
    .argument("[model]", "an .onnx file")
    .option("--list", "list the methods and end")
    .option("--test <path>", "samples to measure before and after on (default: those of --validation)")
    .option("--test-epsilon <radius>", "of that measurement (default: --epsilon)", parseEpsilons)
    .addOption(
      new Option("--test-attack <name>", "of that measurement")
        .choices(["pgd", "autoattack", "none"])
        .default("autoattack"),
    )
    .option("--test-samples <n>", "measure on the first so many", wholeNumber(1));
  const harden = addTrainingOptions(command, "pgd").addHelpText("after", EXAMPLES);
  for (const option of harden.options) {
    if (option.attributeName() === "out") option.mandatory = false; // --list needs none
  }
  return harden.action(async (model: string | undefined, flags: HardenFlags) => {
    if (flags.list) console.print(methodList(console));
    else finish(await run(model, flags, console));
  });
}

async function run(model: string | undefined, flags: HardenFlags, console: Console): Promise<ExitCode> {
  if (model === undefined) throw new AuditError("INVALID_OPTION", "expected an .onnx file to harden, got none");
  if (flags.out === undefined)
    throw new AuditError("INVALID_OPTION", "--out: expected a file to write the model to, got none");
  return runTraining((signal) => optionsOf(model, flags, signal), flags, console);
}

function optionsOf(model: string, flags: HardenFlags, signal: AbortSignal) {
  const options = trainModelOptionsOf(flags, { model }, signal);
  const { test, testEpsilon = [options.epsilon], testAttack, testSamples } = flags;
  if (testEpsilon.length !== 1) throw new AuditError("INVALID_OPTION", "--test-epsilon: expected one radius");
  const isMeasured =
    testAttack !== "none" && (test !== undefined || options.validation !== undefined) && testEpsilon[0]! > 0;
  if (testAttack === "none" || !isMeasured) return options;
  return {
    ...options,
    evaluation: {
      epsilon: testEpsilon[0]!,
      attack: testAttack,
      ...(test !== undefined && { data: test }),
      ...(testSamples !== undefined && { samples: testSamples }),
    },
  };
}

function methodList({ printPaint: paint }: Console): string {
  return table([
    ["method", "trains", "source"].map(paint.bold),
    ...Object.entries(trainingMethods).map(([name, { summary, source }]) => [name, summary, source]),
  ]);
}

const EXAMPLES = `
Exit codes: 0 completed, 2 wrong use or bad input, 3 ended by a signal (the best model so far is written) or failed.

Examples:
  casemate harden --list
  casemate harden model.onnx --data train.npz --validation validation.npz --epsilon 0.3 --out hardened.onnx --plot curves.svg
  casemate harden model.onnx --data train.npz --method trades --epsilon 8/255 --test test.npz --time-limit 1h --out hardened.onnx
`;
