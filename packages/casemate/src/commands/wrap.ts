import { AuditError, wrapModel, writeFileWhole } from "@casemate/audit";
import { DefenseError, outputHardenings, purifications } from "@casemate/defenses";
import { Command, InvalidArgumentError } from "commander";
import type { Console } from "../console.ts";

interface WrapFlags {
  readonly purify: readonly string[];
  readonly hardenOutput: readonly string[];
  readonly output: string;
  readonly contract?: string;
  readonly data?: string;
  readonly json?: boolean;
}

/** `casemate wrap`: puts defences before and behind a model, inside its file. */
export function wrapCommand(console: Console): Command {
  return new Command("wrap")
    .description("Put defences before and behind a model, inside its ONNX file, with the same inputs and outputs.")
    .argument("<model>", "an .onnx file")
    .option("--purify <defence>", "before the model, such as jpeg:quality=75; repeatable, in order", collect, [])
    .option("--harden-output <defence>", "behind it, such as top-k:k=3; repeatable, in order", collect, [])
    .requiredOption("--output <path>", "the .onnx file to write; the contract goes beside it")
    .option("--contract <path>", "the model's contract (default: beside the model, else drafted)")
    .option("--data <path>", "samples to draft a contract from")
    .option("--json", "print JSON")
    .option("--verbose", "show where an error came from")
    .addHelpText("after", helpText())
    .action(async (path: string, flags: WrapFlags) => {
      const purify = flags.purify.map((text) => made("--purify", purifications, text));
      const hardenOutput = flags.hardenOutput.map((text) => made("--harden-output", outputHardenings, text));
      const { contract, data, output } = flags;
      const wrapped = await wrapModel(path, {
        purify,
        hardenOutput,
        ...(contract !== undefined && { contract }),
        ...(data !== undefined && { data }),
      });
      const contractPath = output.replace(/(\.onnx)?$/i, ".contract.json");
      await writeFileWhole(contractPath, `${JSON.stringify(wrapped.contract, null, 2)}\n`);
      await writeFileWhole(output, wrapped.bytes);
      const names = (defences: readonly { readonly name: string }[]) => defences.map(({ name }) => name);
      const report = {
        model: path,
        output,
        contract: contractPath,
        purify: names(purify),
        hardenOutput: names(hardenOutput),
        assumptions: wrapped.assumptions,
      };
      if (flags.json) return console.print(JSON.stringify(report, null, 2));
      for (const sentence of wrapped.assumptions) console.print(sentence);
      const chain = [...report.purify, "the model", ...report.hardenOutput].join(", ");
      console.print(`wrote ${output} (${chain}) and ${contractPath}; audit it before you count on it`);
    });
}

function collect(text: string, before: readonly string[]): readonly string[] {
  if (text.trim() === "") throw new InvalidArgumentError("expected a name such as median, got nothing.");
  return [...before, text];
}

type Table<T> = Readonly<
  Record<
    string,
    {
      readonly options: Readonly<Record<string, number>>;
      readonly summary: string;
      readonly make: (options: Readonly<Record<string, number>>) => T;
    }
  >
>;

/** "name" or "name:key=number,key=number"; a lone number is the first option. */
function made<T>(flag: string, table: Table<T>, text: string): T {
  const [name = "", rest = ""] = text.split(/:(.*)/s);
  const row = Object.hasOwn(table, name) ? table[name] : undefined;
  if (!row) refuse(`${flag}: expected one of ${Object.keys(table).join(", ")}, got '${name}'`);
  const known = Object.keys(row.options);
  const options = { ...row.options };
  for (const part of rest === "" ? [] : rest.split(",")) {
    const [key, value] = part.includes("=") ? part.split(/=(.*)/s) : [known[0], part];
    const number = value?.trim() ? Number(value) : Number.NaN;
    if (key === undefined || !known.includes(key) || Number.isNaN(number)) {
      const expected = known.length === 0 ? "no options" : known.map((each) => `${each}=number`).join(", ");
      refuse(`${flag} ${name}: expected ${expected}, got '${part}'`);
    }
    options[key] = number;
  }
  try {
    return row.make(options);
  } catch (cause) {
    if (!(cause instanceof DefenseError)) throw cause;
    throw new AuditError("INVALID_OPTION", `${flag} ${cause.message}`, { cause });
  }
}

function refuse(message: string): never {
  throw new AuditError("INVALID_OPTION", message);
}

function helpText(): string {
  const lines = (table: Table<unknown>) =>
    Object.entries(table).map(([name, { options, summary }]) => {
      const defaults = Object.entries(options).map(([key, value]) => `${key}=${value}`);
      return `  ${[name, defaults.join(",")].filter(Boolean).join(":").padEnd(52)}${summary}`;
    });
  return [
    "\nDefences for --purify, with their defaults:",
    ...lines(purifications),
    "\nDefences for --harden-output:",
    ...lines(outputHardenings),
    "\nExamples:",
    "  casemate wrap model.onnx --purify jpeg:quality=75 --purify median:size=3 --output wrapped.onnx",
    "  casemate wrap model.onnx --harden-output top-k:3 --harden-output round:decimals=2 --output wrapped.onnx --json\n",
  ].join("\n");
}
