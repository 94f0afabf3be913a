import { dirname } from "node:path";
import { draftContractFor, prepareFolder, writeFileWhole } from "@casemate/audit";
import { Command } from "commander";
import type { Console } from "../console.ts";

interface ContractFlags {
  readonly data?: string;
  readonly out?: string;
}

/** `casemate contract`: drafts the contract of a model, and says what of it was inferred. */
export function contractCommand(console: Console): Command {
  return new Command("contract")
    .description("Draft the contract of a model: its inputs with their range, its output and its classes.")
    .argument("<model>", "an .onnx file")
    .option("--data <file>", "a labelled sample to take ranges and names from")
    .option("--out <file>", "where to write it; standard output if absent")
    .option("--verbose", "show where an error came from")
    .addHelpText("after", EXAMPLES)
    .action(async (model: string, { data, out }: ContractFlags) => {
      const { contract, inferred } = await draftContractFor(model, data);
      const text = JSON.stringify(contract, null, 2);
      for (const sentence of inferred) console.error(`${console.paint.yellow("inferred:")} ${sentence}`);
      if (out === undefined) {
        console.print(text);
        return;
      }
      await prepareFolder(dirname(out));
      await writeFileWhole(out, `${text}\n`);
      console.error(`Wrote ${out}. Read it: what was inferred may be wrong.`);
    });
}

const EXAMPLES = `
Examples:
  casemate contract model.onnx --data samples.npz
  casemate contract model.onnx --data table.csv --out model.contract.json
`;
