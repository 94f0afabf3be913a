import { isRecord, type Metadata, numberOf, type Protocol } from "./protocol.ts";
import type { AnswerRow } from "./scores.ts";

export interface OpenInferenceOptions {
  /** The input, where the model has several or the endpoint does not describe it. */
  readonly inputName?: string | undefined;
  /** The output to read; the first if absent. */
  readonly outputName?: string | undefined;
}

/**
 * The Open Inference Protocol, version 2, over REST (https://github.com/kserve/open-inference-protocol), as KServe, Triton, MLServer
 * and others speak it. `address` is that of the model, …/v2/models/<name>, with or without /infer.
 */
export function openInference(address: URL, { inputName, outputName }: OpenInferenceOptions): Protocol {
  const model = new URL(address);
  model.pathname = address.pathname.replace(/\/+$/, "").replace(/\/infer$/, "");
  const url = new URL(model);
  url.pathname = `${model.pathname}/infer`;
  return {
    url,
    metadataUrl: model,
    readMetadata(json): Metadata {
      const inputs = isRecord(json) && Array.isArray(json.inputs) ? json.inputs.filter(isRecord) : [];
      const input = inputName === undefined ? inputs[0] : inputs.find(({ name }) => name === inputName);
      if (!input) throw new Error(`expected an input ${inputName ?? ""} in the description of the model`);
      if (inputName === undefined && inputs.length > 1) {
        throw new Error(`expected the name of one input, since there are ${inputs.map(({ name }) => name).join(", ")}`);
      }
      const shape = Array.isArray(input.shape) ? input.shape.slice(1).map(Number) : [-1];
      const isKnown = shape.length > 0 && shape.every((size) => Number.isInteger(size) && size > 0);
      return {
        inputName: String(input.name),
        datatype: String(input.datatype),
        ...(isKnown && { inputShape: shape }),
      };
    },
    body: ({ count, shape, values }, { inputName: named = inputName, datatype = "FP32" }) => ({
      inputs: [{ name: named ?? "input", shape: [count, ...shape], datatype, data: Array.from(values) }],
      ...(outputName !== undefined && { outputs: [{ name: outputName }] }),
    }),
    rows(json): readonly AnswerRow[] {
      const outputs = isRecord(json) && Array.isArray(json.outputs) ? json.outputs.filter(isRecord) : [];
      const output = outputName === undefined ? outputs[0] : outputs.find(({ name }) => name === outputName);
      if (!output) throw new Error(`expected an output${outputName === undefined ? "" : ` '${outputName}'`}`);
      const { shape, data } = output;
      if (!Array.isArray(shape) || !Array.isArray(data)) throw new Error("expected an output with shape and data");
      const flat = data.flat(Infinity) as unknown[];
      const count = Number(shape[0]);
      const size = shape.reduce((product: number, each) => product * Number(each), 1);
      if (!(count > 0) || size !== flat.length) {
        throw new Error(`expected data for the shape [${shape.join(", ")}], got ${flat.length} numbers`);
      }
      const width = flat.length / count;
      return Array.from({ length: count }, (_, row) => {
        const values = flat.slice(row * width, (row + 1) * width);
        return width === 1 && typeof values[0] === "string" ? values[0] : values.map(numberOf);
      });
    },
  };
}
