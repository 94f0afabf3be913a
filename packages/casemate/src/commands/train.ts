import { type ArchitectureName, AuditError } from "@casemate/audit";
import { Command, Option } from "commander";
import type { Console } from "../console.ts";
import type { ExitCode } from "../exit-code.ts";
import { wholeNumber } from "./options.ts";
import { runTraining } from "./run-training.ts";
import { addTrainingOptions, type TrainingFlags, trainModelOptionsOf } from "./training-flags.ts";

/** Which network begins anew, if one does. */
export interface NetworkFlags {
  readonly architecture?: ArchitectureName;
  readonly vocabulary?: number;
}

/** `casemate train`: trains an ONNX classifier, or a new one from random weights. */
export function trainCommand(console: Console, finish: (code: ExitCode) => void): Command {
  const command = new Command("train")
    .description("Train an ONNX classifier further, or a new one from random weights.")
    .argument("[model]", "an .onnx file to go on from");
  return addTrainingOptions(addArchitectureOptions(command), "plain")
    .addHelpText("after", EXAMPLES)
    .action(async (model: string | undefined, flags: TrainingFlags & NetworkFlags) => {
      finish(
        await runTraining((signal) => trainModelOptionsOf(flags, subjectOf(model, flags), signal), flags, console),
      );
    });
}

/** Declares them. */
export function addArchitectureOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--architecture <name>", "begin anew with this network").choices(["mlp", "cnn", "resnet", "text-cnn"]),
    )
    .option(
      "--vocabulary <n>",
      "tokens that text-cnn knows (default: one more than the largest in the data)",
      wholeNumber(1),
    );
}

/** A model or a new network. Throws INVALID_OPTION for both, or neither. */
export function subjectOf(model: string | undefined, { architecture, vocabulary }: NetworkFlags) {
  if (model !== undefined && architecture === undefined && vocabulary === undefined) return { model };
  if (model === undefined && architecture !== undefined)
    return { architecture, ...(vocabulary !== undefined && { vocabulary }) };
  throw new AuditError(
    "INVALID_OPTION",
    "expected a model to go on from, or an --architecture to begin with: one of the two",
  );
}

const EXAMPLES = `
Exit codes: 0 completed, 2 wrong use or bad input, 3 ended by a signal (the best model so far is written) or failed.

Examples:
  casemate train --architecture cnn --data train.npz --validation validation.npz --shift 2 --out model.onnx
  casemate train model.onnx --data train.csv --epochs 20 --freeze-layers 1 --out tuned.onnx
  casemate train --architecture resnet --data pictures --method pgd --epsilon 8/255 --time-limit 1h --out robust.onnx
`;
