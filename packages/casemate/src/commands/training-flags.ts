import { AuditError, type TrainModelOptions } from "@casemate/audit";
import { type MethodName, schedules, trainingMethods } from "@casemate/defenses";
import { type Command, Option } from "commander";
import { numberUpTo, parseBudget, parseEpsilons, parseNames, wholeNumber } from "./options.ts";

/** What `casemate train` and `casemate harden` both take. */
export interface TrainingFlags {
  readonly data?: string;
  readonly validation?: string;
  readonly contract?: string;
  readonly method: MethodName;
  readonly norm: TrainModelOptions["norm"];
  readonly epsilon?: readonly number[];
  readonly ramp?: number;
  readonly attackSteps?: number;
  readonly attackStepSize?: number;
  readonly beta?: number;
  readonly sigma?: number;
  readonly copies?: number;
  readonly replays?: number;
  readonly temperature?: number;
  readonly mode?: "adversarial-only" | "clean-then-adversarial";
  readonly ablation?: "column" | "row" | "block";
  readonly ablationSize?: number;
  readonly awp?: number;
  readonly with?: readonly string[];
  readonly teacher?: string;
  readonly epochs: number;
  readonly batchSize: number;
  readonly optimizer: "sgd" | "adam" | "adamw";
  readonly momentum: number;
  readonly nesterov?: boolean;
  readonly weightDecay?: number;
  readonly learningRate: number;
  readonly schedule: keyof typeof schedules;
  readonly warmUp: number;
  readonly labelSmoothing?: number;
  readonly shift?: number;
  readonly flip?: boolean;
  readonly mixup?: number;
  readonly cutmix?: number;
  readonly clip?: number;
  readonly average?: number;
  readonly freeze?: readonly string[];
  readonly freezeLayers?: number;
  readonly patience?: number;
  readonly timeLimit?: ReturnType<typeof parseBudget>;
  readonly seed: number;
  readonly resume?: boolean;
  readonly out: string;
  readonly plot?: string;
  readonly json?: boolean;
}

/** Declares them. */
export function addTrainingOptions(
  command: Command,
  method: MethodName,
  drawn = "loss and accuracies by epoch",
): Command {
  const isPlain = method === "plain";
  const atLeast0 = (text: string) => (Number(text) === 0 ? 0 : numberUpTo(1)(text));
  return command
    .option("--data <path>", "samples to train on: .npz, .csv, .jsonl, or a folder of pictures")
    .option("--validation <path>", "samples that choose the best epoch (default: a tenth of the data is held out)")
    .option(
      "--contract <file>",
      "contract of the model (default: <model>.contract.json beside it); of a new one, its features, ranges and classes",
    )
    .addOption(
      new Option("--method <name>", "how it is trained: see casemate harden --list")
        .choices(Object.keys(trainingMethods))
        .default(method),
    )
    .addOption(
      new Option("--norm <name>", "how perturbations are measured").choices(["linf", "l2", "l1"]).default("linf"),
    )
    .option("--epsilon <radius>", "of the ball that is trained against, such as 0.3 or 8/255", parseEpsilons)
    .option(
      "--ramp <share>",
      "of the training over which epsilon rises from 0 (default: 0.33, for ibp and crown-ibp 0.5)",
      atLeast0,
    )
    .option("--attack-steps <n>", "steps of the attack on each batch", wholeNumber(1))
    .option("--attack-step-size <share>", "length of one, in units of epsilon", numberUpTo(100))
    .option("--beta <weight>", "of robustness against accuracy, for trades and mart", numberUpTo(1000))
    .option("--sigma <deviation>", "of the noise, for gaussian and smooth-adv", numberUpTo(Infinity))
    .option("--copies <n>", "noisy copies of each sample, for smooth-adv", wholeNumber(1))
    .option("--replays <n>", "of each batch, for free", wholeNumber(1))
    .option("--temperature <t>", "for distillation", numberUpTo(Infinity))
    .addOption(new Option("--mode <name>", "of fgsm").choices(["adversarial-only", "clean-then-adversarial"]))
    .addOption(
      new Option("--ablation <kind>", "what is left of a sample, for ablation").choices(["column", "row", "block"]),
    )
    .option("--ablation-size <n>", "columns, rows or pixels along a side of it", wholeNumber(1))
    .option("--awp <gamma>", "perturb the weights too, by this share of each layer's norm", numberUpTo(1))
    .option("--with <models>", "other .onnx files to make examples with, for ensemble", parseNames)
    .option("--teacher <model>", "an .onnx file to learn from, for distillation")
    .option("--epochs <n>", "times through the data, divided by the replays of free", wholeNumber(1), 30)
    .option("--batch-size <n>", "samples in a step", wholeNumber(1), isPlain ? 100 : 50)
    .addOption(
      new Option("--optimizer <name>", "what takes the steps")
        .choices(["sgd", "adam", "adamw"])
        .default(isPlain ? "adamw" : "adam"),
    )
    .option("--momentum <share>", "of sgd", atLeast0, 0.9)
    .option("--nesterov", "sgd with Nesterov's momentum")
    .option("--weight-decay <factor>", "of the optimiser", numberUpTo(10), ...(isPlain ? [0.1] : []))
    .option("--learning-rate <rate>", "the largest of the schedule", numberUpTo(1000), 0.002)
    .addOption(
      new Option("--schedule <name>", "how the learning rate goes")
        .choices(Object.keys(schedules))
        .default(isPlain ? "cosine" : "one-cycle"),
    )
    .option("--warm-up <share>", "of the training over which the learning rate rises from 0", atLeast0, 0.1)
    .option(
      "--label-smoothing <share>",
      "of probability that is spread over all classes (default: 0.1 for plain, else 0)",
      atLeast0,
    )
    .option("--shift <pixels>", "move each image at random, up to so far each way", wholeNumber(1))
    .option("--flip", "turn every second image over, from left to right")
    .option("--mixup <alpha>", "blend pairs of samples", numberUpTo(100))
    .option("--cutmix <alpha>", "put a rectangle of one image into another", numberUpTo(100))
    .option("--clip <norm>", "longest gradient of all weights together", numberUpTo(Infinity))
    .option("--average <decay>", "validate and keep a moving average of the weights, such as 0.999", numberUpTo(1))
    .option("--freeze <patterns>", "weights that stay as they are, such as stage1.*", parseNames)
    .option("--freeze-layers <n>", "so many layers from the input on stay as they are", wholeNumber(1))
    .option("--patience <n>", "end after so many epochs without a better one", wholeNumber(1))
    .option("--time-limit <time>", "end in good order after 10m or 600s", parseBudget)
    .option("--seed <n>", "of all random draws", wholeNumber(0), 0)
    .option("--resume", "go on from the checkpoint of a run that was ended")
    .requiredOption("--out <file>", "where to write the model; a checkpoint and a report are written beside it")
    .option("--plot <file>", `draw ${drawn} there, as SVG`)
    .option("--json", "print the report as JSON on standard output, and nothing else there")
    .option("--verbose", "show where an error came from");
}

/** What the flags stand for. Throws INVALID_OPTION for those that do not go together. */
export function trainModelOptionsOf(
  flags: TrainingFlags,
  subject: TrainModelOptions["subject"],
  signal: AbortSignal,
): TrainModelOptions {
  const { data, validation, contract, method, norm, epsilon = [0], timeLimit, resume = false, out } = flags;
  if (data === undefined) throw invalid("--data: expected samples to train on, got none");
  if (epsilon.length !== 1) throw invalid("--epsilon: expected one radius");
  if (timeLimit && !("seconds" in timeLimit)) throw invalid("--time-limit: expected a time such as 10m, got queries");
  if (flags.mixup !== undefined && flags.cutmix !== undefined)
    throw invalid("--mixup and --cutmix: expected one of the two");
  if (method === "ensemble" && !flags.with) throw invalid("--method ensemble: expected other models in --with");
  const { shift, flip, mixup, cutmix, freeze, freezeLayers } = flags;
  return {
    subject,
    data,
    ...(validation !== undefined && { validation }),
    ...(contract !== undefined && { contract }),
    method,
    methodOptions: methodOptionsOf(flags),
    ...(flags.awp !== undefined && { awp: flags.awp }),
    ...(flags.with && { others: flags.with }),
    ...(flags.teacher !== undefined && { teacher: flags.teacher }),
    norm,
    epsilon: epsilon[0]!,
    checkpoint: { path: `${out}.checkpoint.npz`, resume },
    loop: {
      epochs: flags.epochs,
      batchSize: flags.batchSize,
      optimizer: optimizerOf(flags),
      learningRate: flags.learningRate,
      schedule: flags.schedule,
      warmUp: flags.warmUp,
      labelSmoothing: flags.labelSmoothing ?? (method === "plain" ? 0.1 : 0),
      seed: flags.seed,
      signal,
      ...((shift !== undefined || flip) && {
        augmentation: { ...(shift !== undefined && { shift }), ...(flip && { flip }) },
      }),
      ...(mixup !== undefined && { mixing: { type: "mixup", alpha: mixup } }),
      ...(cutmix !== undefined && { mixing: { type: "cutmix", alpha: cutmix } }),
      ...(flags.ramp !== undefined && { ramp: flags.ramp }),
      ...(flags.clip !== undefined && { clip: flags.clip }),
      ...(flags.average !== undefined && { averaging: flags.average }),
      ...((freeze || freezeLayers !== undefined) && {
        freeze: { ...(freeze && { names: freeze }), ...(freezeLayers !== undefined && { layers: freezeLayers }) },
      }),
      ...(flags.patience !== undefined && { patience: flags.patience }),
      ...(timeLimit && { timeLimit: timeLimit.seconds }),
    },
  };
}

function methodOptionsOf(flags: TrainingFlags): NonNullable<TrainModelOptions["methodOptions"]> {
  const { attackSteps, attackStepSize, beta, sigma, copies, replays, temperature, mode, ablation, ablationSize } =
    flags;
  return {
    ...(attackSteps !== undefined && { steps: attackSteps }),
    ...(attackStepSize !== undefined && { stepSize: attackStepSize }),
    ...(beta !== undefined && { beta }),
    ...(sigma !== undefined && { sigma }),
    ...(copies !== undefined && { copies }),
    ...(replays !== undefined && { replays }),
    ...(temperature !== undefined && { temperature }),
    ...(mode && { mode }),
    ...(ablation && { kind: ablation }),
    ...(ablationSize !== undefined && { size: ablationSize }),
  };
}

function optimizerOf({ optimizer, momentum, nesterov = false, weightDecay }: TrainingFlags) {
  const decay = weightDecay !== undefined && { weightDecay };
  return optimizer === "sgd" ? { type: optimizer, momentum, nesterov, ...decay } : { type: optimizer, ...decay };
}

function invalid(message: string): AuditError {
  return new AuditError("INVALID_OPTION", message);
}
