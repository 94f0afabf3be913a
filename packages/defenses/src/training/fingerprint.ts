import { createHash } from "node:crypto";
import type { Model } from "@casemate/onnx";
import type { AnyTensor } from "@casemate/tensor";
import { plainTraining } from "./plain-training.ts";
import type { TrainOptions } from "./train-options.ts";
import type { LabelledSamples } from "./validate.ts";

/** A digest of what the numbers of a training follow from. */
export function fingerprintOf(
  { graph }: Model,
  data: LabelledSamples,
  validation: LabelledSamples,
  { method = plainTraining(), checkpoint, signal: __, timeLimit: ___, validation: ____, ...settings }: TrainOptions,
): string {
  const hash = createHash("sha256");
  const add = ({ data: numbers }: AnyTensor | { data: Int32Array }) => {
    const { buffer, byteOffset, byteLength } = numbers as Float32Array;
    hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  };
  for (const { x, labels } of [data, validation]) {
    add(x);
    add({ data: labels });
  }
  for (const { name, shape, data: weight } of graph.initializers.values()) {
    hash.update(`${name}[${shape}]`);
    if (weight.type === "bytes") hash.update(weight.bytes);
  }
  hash.update(JSON.stringify(graph.nodes.map(({ op, inputs, outputs }) => [op, inputs, outputs])));
  hash.update(
    JSON.stringify({ method: method.name, about: checkpoint?.about, ...settings }, (_key, value) =>
      ArrayBuffer.isView(value) ? [...(value as Float32Array)] : value,
    ),
  );
  return hash.digest("hex");
}
