import { readContractFile } from "./contract-file.ts";
import { AuditError } from "./errors.ts";
import type { ProbeOptions } from "./probe.ts";
import { readSamples } from "./samples.ts";
import type { Contract } from "./schemas/contract.ts";

/** The contract in the file or, without one, what data and options say. */
export async function contractOf(
  options: ProbeOptions,
): Promise<{ readonly contract: Contract; readonly assumptions: readonly string[] }> {
  const { data, contract: path, range = { lower: 0, upper: 1 }, classNames } = options;
  if (path !== undefined) {
    const contract = await readContractFile(path);
    if (!contract.inputs[0]!.normalisation) return { contract, assumptions: [] };
    const reason = "describes a normalisation, which is the endpoint's own affair: leave it out";
    throw new AuditError("INVALID_OPTION", `contract ${path}: ${reason}`);
  }
  const dataset = await readSamples(data);
  const shape = dataset.x.shape.slice(1);
  const isImage = shape.length === 3;
  if (dataset.labelNames && !classNames) {
    const reason = `labels are words (${dataset.labelNames.slice(0, 3).join(", ")} …): name the classes in the order of the scores`;
    throw new AuditError("INVALID_OPTION", `${data}: ${reason}`);
  }
  const most = dataset.labels.reduce((largest, label) => Math.max(largest, label), 1);
  const classes = classNames ?? Array.from({ length: most + 1 }, (_, k) => String(k));
  const layout = shape[2] === 1 || shape[2] === 3 ? "NHWC" : "NCHW";
  return {
    contract: {
      task: "classification",
      inputs: [
        {
          name: "input",
          dtype: "float32",
          shape: [null, ...shape],
          kind: isImage ? "image" : "tabular",
          ...(isImage && { layout }),
          range,
          ...(dataset.featureNames && { features: dataset.featureNames.map((name) => ({ name })) }),
        },
      ],
      output: { name: "output", kind: options.kind ?? "probabilities", classes },
    },
    assumptions: [
      `There is no contract; samples are taken to range from ${range.lower} to ${range.upper}${isImage ? `, as images of layout ${layout}` : ""}.`,
    ],
  };
}
