import { inspectModel, type ModelReport } from "@casemate/audit";
import { Command } from "commander";
import type { Console } from "../console.ts";
import { table } from "../table.ts";

/** `casemate inspect`: what is in a model, and which of its operators can be differentiated. */
export function inspectCommand(console: Console): Command {
  return new Command("inspect")
    .description("Show what is in a model and which of its operators have a gradient rule.")
    .argument("<model>", "an .onnx file")
    .option("--json", "print JSON")
    .option("--verbose", "show where an error came from")
    .addHelpText("after", EXAMPLES)
    .action(async (path: string, { json = false }: { json?: boolean }) => {
      const model = await inspectModel(path);
      console.print(json ? JSON.stringify(model, null, 2) : describe(model, console));
    });
}

const EXAMPLES = `
Examples:
  casemate inspect model.onnx
  casemate inspect model.onnx --json
`;

type Gradient = ModelReport["operators"][number]["gradient"];

const MEANING: Record<Gradient, string> = {
  exact: "exact",
  zero: "zero: passes no gradient on",
  "straight-through": "straight-through",
  none: "none: gradient attacks are refused if it is on the way",
};

function describe(model: ModelReport, { printPaint: paint }: Console): string {
  const { operators } = model;
  const shape = (dimensions: readonly unknown[]) => `[${dimensions.map((each) => each ?? "?").join(", ")}]`;
  const value = ({ name, dtype, shape: dimensions }: ModelReport["inputs"][number]) =>
    `${name} ${dtype} ${shape(dimensions)}`;
  const facts = [
    ["file", `${model.path}, ${model.bytes.toLocaleString("en")} bytes`],
    ["sha256", model.sha256],
    ["producer", model.producer || "not stated"],
    ["versions", `IR ${model.irVersion}, opset ${model.opset}`],
    ["parameters", model.parameters.toLocaleString("en")],
    ...model.inputs.map((input) => ["input", value(input)]),
    ...model.outputs.map((output) => ["output", value(output)]),
  ];
  const rows = operators.map(({ name, count, gradient }) => {
    const meaning = MEANING[gradient];
    return [name, String(count), gradient === "none" ? paint.yellow(meaning) : meaning];
  });
  return [
    table(facts.map(([name = "", text = ""]) => [paint.bold(name), text])),
    "",
    table([["operator", "count", "gradient"].map(paint.bold), ...rows], ["left", "right", "left"]),
  ].join("\n");
}
