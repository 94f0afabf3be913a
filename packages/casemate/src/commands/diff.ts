import { readModel } from "@casemate/onnx";
import { diffModels, type ModelDifference } from "@casemate/scan";
import { Command } from "commander";
import type { Console } from "../console.ts";
import type { ExitCode } from "../exit-code.ts";
import { table } from "../table.ts";

/** `casemate diff`: what changed from one model to another, per tensor and node. */
export function diffCommand(console: Console, finish: (code: ExitCode) => void): Command {
  return new Command("diff")
    .description("Show what changed from one ONNX model to another, per tensor and node.")
    .argument("<before>", "an .onnx file")
    .argument("<after>", "an .onnx file")
    .option("--json", "print JSON on standard output, and nothing else there")
    .option("--verbose", "show where an error came from")
    .addHelpText("after", EXAMPLES)
    .action(async (before: string, after: string, { json = false }: { json?: boolean }) => {
      const difference = diffModels(await readModel(before), await readModel(after));
      console.print(json ? JSON.stringify(difference, null, 2) : describe(difference, console));
      finish(isSame(difference) ? 0 : 1);
    });
}

const EXAMPLES = `
Exit codes: 0 nothing changed, 1 something changed, 2 wrong use or bad input.

Examples:
  casemate diff base.onnx fine-tuned.onnx
  casemate diff downloaded.onnx released.onnx --json
`;

function isSame({ tensors, nodes, interface: outside }: ModelDifference): boolean {
  return tensors.length + nodes.length + outside.length === 0;
}

function describe(difference: ModelDifference, { printPaint: paint }: Console): string {
  const { tensors, nodes, interface: outside, unchangedTensors, unchangedNodes } = difference;
  const number = (value: number | undefined) => (value === undefined ? "" : String(Number(value.toPrecision(4))));
  const tensorRows = tensors.map(({ name, change, dtype, shape, largest, relative, elements }) => [
    change,
    name,
    `${dtype} [${shape.join(", ")}]`,
    number(elements),
    number(largest),
    number(relative),
  ]);
  const nodeRows = nodes.map(({ node, change, what }) => [change, node, what.join("; ")]);
  return [
    ...outside,
    ...(tensors.length > 0
      ? [
          table([
            ["tensor", "name", "type", "elements", "largest change", "relative (L2)"].map(paint.bold),
            ...tensorRows,
          ]),
        ]
      : []),
    ...(nodes.length > 0 ? [table([["node", "name", "what"].map(paint.bold), ...nodeRows])] : []),
    `${tensors.length} tensors and ${nodes.length} nodes differ; ${unchangedTensors} tensors and ${unchangedNodes} nodes are the same.`,
  ].join("\n");
}
