import { AuditError, type CertificationReport, type CertifyOptions, certifyModel, NORMS } from "@casemate/audit";
import { Command, Option } from "commander";
import type { Console } from "../console.ts";
import type { ExitCode } from "../exit-code.ts";
import { table } from "../table.ts";
import { type CertificationFlags, certificationOptionsOf, withCertification } from "./certification-flags.ts";
import { parseBudget, parseEpsilons } from "./options.ts";
import { runCertification } from "./run-certification.ts";

interface CertifyFlags extends CertificationFlags {
  readonly data?: string;
  readonly norm: CertifyOptions["norm"];
  readonly epsilon?: readonly number[];
  readonly method: CertifyOptions["method"];
  readonly attack: CertifyOptions["attack"];
  readonly timeLimit?: ReturnType<typeof parseBudget>;
}

/** `casemate certify`: between what a model's robust accuracy provably lies. */
export function certifyCommand(console: Console, finish: (code: ExitCode) => void): Command {
  const command = new Command("certify")
    .description("Bound a model's robust accuracy: from below by certificates, from above by an attack.")
    .argument("<model>", "an .onnx file")
    .option("--data <path>", "labelled samples: .npz, .csv, .jsonl, or a folder of pictures with one folder per class")
    .option("--epsilon <radius>", "such as 0.1 or 8/255, in the units of the samples", parseEpsilons)
    .addOption(
      new Option("--norm <name>", "how perturbations are measured").choices(["linf", "l2", "l1"]).default("linf"),
    )
    .addOption(
      new Option("--method <name>", "how certificates are found")
        .choices(["ibp", "deepz", "crown", "alpha-crown", "trees", "auto"])
        .default("auto"),
    )
    .addOption(
      new Option("--attack <name>", "what bounds from above").choices(["pgd", "autoattack", "none"]).default("pgd"),
    )
    .option("--time-limit <time>", "leave undecided what bounds have not decided after 120s or 2m", parseBudget);
  return withCertification(command)
    .addHelpText("after", EXAMPLES)
    .action(async (model: string, flags: CertifyFlags) => finish(await run(model, flags, console)));
}

const EXAMPLES = `
Exit codes: 0 completed, 2 wrong use or bad input, 3 the run failed.

Examples:
  casemate certify model.onnx --data samples.npz --epsilon 0.1
  casemate certify model.onnx --data samples.npz --epsilon 8/255 --method crown --samples 100 --time-limit 5m
  casemate certify trees.onnx --data table.csv --epsilon 0.05 --method trees --out certified.json
`;

async function run(model: string, flags: CertifyFlags, console: Console): Promise<ExitCode> {
  const { data, contract, epsilon } = flags;
  if (data === undefined) {
    throw new AuditError("INVALID_OPTION", "no samples: --data names a file or a folder of labelled samples");
  }
  if (epsilon?.length !== 1) throw new AuditError("INVALID_OPTION", "--epsilon: expected one radius");
  const spec = { model, data, ...(contract !== undefined && { contract }) };
  const certify = (signal: AbortSignal) => watched(certifyModel(spec, optionsOf(flags, epsilon[0]!, signal)), console);
  return runCertification(certify, summaryOf, flags, console);
}

function optionsOf(flags: CertifyFlags, epsilon: number, signal: AbortSignal): CertifyOptions {
  const { norm, method, attack, timeLimit } = flags;
  if (timeLimit && !("seconds" in timeLimit)) {
    throw new AuditError("INVALID_OPTION", "--time-limit: expected a time such as 120s or 2m, got queries");
  }
  return {
    norm,
    epsilon,
    method,
    attack,
    ...certificationOptionsOf(flags, signal),
    ...(timeLimit && { timeLimit: timeLimit.seconds }),
  };
}

async function watched(events: ReturnType<typeof certifyModel>, console: Console): Promise<CertificationReport> {
  const startedAt = performance.now();
  try {
    for (;;) {
      const { done, value } = await events.next();
      if (done) return value;
      const { stage, fraction } = value;
      const left = fraction > 0 ? ((performance.now() - startedAt) / 1000) * (1 / fraction - 1) : undefined;
      const ahead = stage === "bounds" && left !== undefined ? `, at most ${Math.ceil(left)} s left` : "";
      console.draw(`${stage} ${Math.floor(fraction * 100)}%${ahead}`);
    }
  } finally {
    console.draw("");
  }
}

function summaryOf(report: CertificationReport, { printPaint: paint }: Console): string {
  const { samples, clean, certified, standing, undecided, byMethod, norm, epsilon, attack } = report;
  const share = (count: number) => `${((100 * count) / samples).toFixed(1)} %`;
  const row = (name: string, count: number) => [name, `${count} of ${samples}`, share(count)];
  const proofs = Object.entries(byMethod).map(([name, count]) => `${name} ${count}`);
  return [
    ...report.assumptions.map((sentence) => `${paint.yellow("assumed")} ${sentence}`),
    `In ${NORMS[norm]} within ${Number(epsilon.toPrecision(6))}:`,
    table(
      [
        row("right without change", clean),
        row("certified (from below)", certified),
        ...(standing === undefined ? [] : [row(attack === "none" ? "robust" : `attacked (from above)`, standing)]),
        row("undecided in between", undecided),
      ],
      ["left", "right", "right"],
    ),
    ...(proofs.length > 0 ? [`Certified by: ${proofs.join(", ")}.`] : []),
  ].join("\n");
}
