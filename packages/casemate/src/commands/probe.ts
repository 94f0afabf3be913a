import { AuditError, NORMS, type ProbeOptions, type ProbeReport, probe } from "@casemate/audit";
import { Command, Option } from "commander";
import type { Console } from "../console.ts";
import type { ExitCode } from "../exit-code.ts";
import { interruptions } from "../interruptions.ts";
import { table } from "../table.ts";
import { addHeader, numberUpTo, parseEpsilons, parseNames, parseRange, wholeNumber } from "./options.ts";

interface ProbeFlags {
  readonly data?: string;
  readonly contract?: string;
  readonly range?: NonNullable<ProbeOptions["range"]>;
  readonly classes?: readonly string[];
  readonly protocol?: "oip" | "mlflow";
  readonly kind?: NonNullable<ProbeOptions["kind"]>;
  readonly inputName?: string;
  readonly outputName?: string;
  readonly datatype?: string;
  readonly scale?: number;
  readonly table?: boolean;
  readonly header?: Readonly<Record<string, string>>;
  readonly tokenFrom?: string;
  readonly attack?: readonly string[];
  readonly norm: ProbeOptions["norm"];
  readonly epsilon?: readonly number[];
  readonly samples?: number;
  readonly seed: number;
  readonly queries?: number;
  readonly rate?: number;
  readonly concurrency: number;
  readonly batch: number;
  readonly timeout: number;
  readonly retries: number;
  readonly minimumRobust?: number;
  readonly json?: boolean;
}

/** `casemate probe`: attacks a model that is served over HTTP, by scores or decisions alone. */
export function probeCommand(console: Console, finish: (code: ExitCode) => void): Command {
  return new Command("probe")
    .description("Attack a model behind an address, by its scores or decisions alone. Attack only what you may attack.")
    .argument("<url>", "…/v2/models/<name> (Open Inference Protocol v2) or …/invocations (MLflow)")
    .option("--data <path>", "labelled samples: .npz, .csv, .jsonl, or a folder of pictures with one folder per class")
    .option("--contract <file>", "contract of the model: its ranges, classes, and what may change")
    .option("--range <a,b>", "range of the samples, without a contract (default: 0,1)", parseRange)
    .option("--classes <names>", "the classes in the order of the scores, without a contract", parseNames)
    .addOption(
      new Option("--protocol <name>", "how it is spoken to (default: by the address)").choices(["oip", "mlflow"]),
    )
    .addOption(
      new Option("--kind <name>", "what its numbers are (default: the contract's, or probabilities)").choices([
        "logits",
        "probabilities",
        "labels",
        "logit",
        "probability",
      ]),
    )
    .option("--input-name <name>", "the input, where there are several")
    .option("--output-name <name>", "the output, where there are several")
    .option("--datatype <name>", "what is sent, such as UINT8 (default: what the endpoint says, or FP32)")
    .option("--scale <factor>", "what values are multiplied by on their way, such as 255", numberUpTo(Infinity))
    .option("--table", "send MLflow a table (dataframe_split) instead of tensors")
    .option("--header <name: value>", "sent with every request; may be repeated", addHeader)
    .option("--token-from <variable>", "environment variable with a token, sent as 'authorization: Bearer …'")
    .option("--attack <ids>", "attacks, with commas: see casemate audit --list (default: square)", parseNames)
    .addOption(
      new Option("--norm <name>", "how perturbations are measured").choices(["linf", "l2", "l1", "l0"]).default("linf"),
    )
    .option("--epsilon <radius>", "such as 0.3 or 8/255, in the units of the samples", parseEpsilons)
    .option("--samples <n>", "use only so many samples, drawn by the seed", wholeNumber(1))
    .option("--seed <n>", "of all random draws", wholeNumber(0), 0)
    .option("--queries <n>", "rows asked for by each attack at most; what is unfinished fails", wholeNumber(1))
    .option("--rate <n>", "requests per second at most", numberUpTo(Infinity))
    .option("--concurrency <n>", "requests at once", wholeNumber(1), 1)
    .option("--batch <n>", "rows in a request at most", wholeNumber(1), 32)
    .option("--timeout <seconds>", "for one request", numberUpTo(86_400), 30)
    .option("--retries <n>", "after a failed request", wholeNumber(0), 4)
    .option("--minimum-robust <share>", "end with 1 if a smaller share of the samples stands", numberUpTo(1))
    .option("--json", "print the report as JSON on standard output, and nothing else there")
    .option("--verbose", "show where an error came from")
    .addHelpText("after", EXAMPLES)
    .action(async (url: string, flags: ProbeFlags) => finish(await run(url, flags, console)));
}

const EXAMPLES = `
Exit codes: 0 completed, 1 fewer samples stand than --minimum-robust asks for, 2 wrong use or bad input, 3 the endpoint failed
or left samples without a verdict: a failed request is never counted as robust.

Examples:
  casemate probe http://localhost:8080/v2/models/digits --data samples.npz --epsilon 0.1 --kind logits
  casemate probe https://host/invocations --data table.csv --contract model.contract.json --table --epsilon 0.05 \\
    --attack square,simba --token-from TOKEN --rate 20 --concurrency 4 --queries 20000
  casemate probe https://host/v2/models/m --data pictures --classes cat,dog --kind labels --attack hop-skip-jump --norm l2 --epsilon 1
`;

async function run(url: string, flags: ProbeFlags, console: Console): Promise<ExitCode> {
  const signals = interruptions(console);
  try {
    const report = await probed(url, optionsOf(flags, signals.stop), console);
    if (flags.json) console.print(JSON.stringify(report, null, 2));
    else console.print(summaryOf(report, console));
    return exitCodeOf(report, flags);
  } catch (error) {
    if (!signals.stop.aborted) throw error;
    throw new AuditError("INTERRUPTED", "the probe was ended before its attacks had finished", { cause: error });
  } finally {
    signals.forget();
  }
}

function optionsOf(flags: ProbeFlags, signal: AbortSignal): ProbeOptions {
  const { data, contract, range, classes, kind, attack, norm, epsilon, samples, seed, queries } = flags;
  if (data === undefined) {
    throw new AuditError("INVALID_OPTION", "no samples: --data names a file or a folder of labelled samples");
  }
  if (epsilon?.length !== 1) {
    throw new AuditError(
      "INVALID_OPTION",
      "--epsilon: expected one radius, since an endpoint is asked as little as possible",
    );
  }
  return {
    data,
    norm,
    epsilon: epsilon[0]!,
    seed,
    signal,
    endpoint: endpointOf(flags),
    ...(contract !== undefined && { contract }),
    ...(range && { range }),
    ...(classes && { classNames: classes }),
    ...(kind && { kind }),
    ...(attack && { attacks: attack }),
    ...(samples !== undefined && { samples }),
    ...(queries !== undefined && { queries }),
  };
}

function endpointOf(flags: ProbeFlags): ProbeOptions["endpoint"] {
  const { protocol, inputName, outputName, datatype, scale, rate, concurrency, batch, timeout, retries } = flags;
  return {
    concurrency,
    batchSize: batch,
    timeout: timeout * 1000,
    retries,
    headers: { ...flags.header, ...(flags.tokenFrom !== undefined && authorization(flags.tokenFrom)) },
    input: {
      ...(inputName !== undefined && { name: inputName }),
      ...(datatype !== undefined && { datatype }),
      ...(scale !== undefined && { scale }),
      ...(flags.table && { format: "dataframe_split" }),
    },
    ...(protocol && { protocol }),
    ...(outputName !== undefined && { outputName }),
    ...(rate !== undefined && { requestsPerSecond: rate }),
  };
}

function authorization(variable: string): Readonly<Record<string, string>> {
  const token = process.env[variable];
  if (token) return { authorization: `Bearer ${token}` };
  throw new AuditError(
    "INVALID_OPTION",
    `--token-from: expected a token in the environment variable ${variable}, which is empty`,
  );
}

async function probed(url: string, options: ProbeOptions, console: Console): Promise<ProbeReport> {
  const events = probe(url, options);
  try {
    for (;;) {
      const { done, value } = await events.next();
      if (done) return value;
      switch (value.type) {
        case "started":
          for (const sentence of value.assumptions) console.error(`${console.paint.yellow("assumed")} ${sentence}`);
          break;
        case "progress":
          console.draw(`${value.title} ${Math.floor(value.fraction * 100)}%`);
          break;
        case "attack-finished": {
          const { title, robust, broken, failed } = value.result;
          console.error(`${title}: ${robust} robust, ${broken} broken, ${failed} failed`);
          for (const reason of value.result.reasons)
            console.error(`       ${console.paint.yellow("failed")} ${reason}`);
        }
      }
    }
  } finally {
    console.draw("");
  }
}

function summaryOf({ attacks, together, norm, epsilon, usage }: ProbeReport, { printPaint: paint }: Console): string {
  const head = ["attack", "robust", "broken", "wrong", "failed", "queries per sample"].map(paint.bold);
  const rows = attacks.map((attack) => [...cells(attack.title, attack), attack.queriesPerSample.toFixed(1)]);
  const all = attacks.length > 1 ? [[...cells("All together", together), ""]] : [];
  const { requests, retries, rows: asked } = usage;
  return [
    "",
    `In ${NORMS[norm]} within ${Number(epsilon.toPrecision(6))}:`,
    table([head, ...rows, ...all], ["left", "right", "right", "right", "right", "right"]),
    "",
    `${asked} rows in ${requests} requests, ${retries} of them retries.`,
  ].join("\n");
}

function cells(title: string, counts: ProbeReport["together"]): readonly string[] {
  return [title, ...[counts.robust, counts.broken, counts.wrong, counts.failed].map(String)];
}

function exitCodeOf({ together }: ProbeReport, { minimumRobust = 0 }: ProbeFlags): ExitCode {
  const { robust, broken, wrong, failed } = together;
  if (failed > 0) return 3;
  return robust < minimumRobust * (robust + broken + wrong) ? 1 : 0;
}
