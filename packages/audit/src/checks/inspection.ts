import type { Warning } from "../report.ts";
import type { Check, CheckContext, CheckProgress, Measurement } from "./check.ts";
import { none } from "./taxonomy.ts";

/** What is in the model, and whether its gradients can be had. */
export const inspectionCheck: Check = {
  id: "inspection",
  title: "Model opens; what is in it",
  kind: "inspection",
  citation: { text: "ONNX operator specification", url: "https://onnx.ai/onnx/operators/" },
  taxonomy: none,
  parameters: {},
  cost: 0,
  run,
};

async function* run({ subject }: CheckContext): AsyncGenerator<CheckProgress, Measurement> {
  const { parameters, operators } = subject.modelReport;
  const without = await subject.operatorsWithoutGradient();
  const count = (name: string, value: number) => ({ name, value, unit: "count" }) as const;
  await subject.classifier();
  return {
    queries: { forward: 0, backward: 0 },
    metrics: [
      count("parameters", parameters),
      count(
        "operators",
        operators.reduce((sum, operator) => sum + operator.count, 0),
      ),
      count("operators.without-gradient", without.length),
    ],
    warnings: without.length === 0 ? [] : [warning(without)],
  };
}

function warning(names: readonly string[]): Warning {
  return {
    id: "operators-without-gradient",
    message: `no gradient rule for ${names.join(", ")}`,
    meaning:
      "They lie between input and scores, so gradient attacks are left out and only those without gradients remain.",
    documentation: "docs/guide/validity.md#operators-without-gradient",
  };
}
