import { fileURLToPath } from "node:url";
import type { AnyTensor } from "@casemate/tensor";
import { differentiate } from "../src/differentiate.ts";
import type { Model } from "../src/model.ts";
import { readModel } from "../src/read.ts";
import { openSession } from "../src/session.ts";
import { crossEntropy } from "./cross-entropy.ts";
import { numbersOf } from "./gradients/harness.ts";
import { readNpz } from "./npz.ts";

type Tensors = Readonly<Record<string, AnyTensor>>;

/** A model of `vectors/<path>.onnx`. */
export function readVectorModel(path: string): Promise<Model> {
  return readModel(fileURLToPath(new URL(`./vectors/${path}.onnx`, import.meta.url)));
}

/** The arrays of `vectors/<path>.npz`, and apart the gradients of the weights by PyTorch's names with `_` for `.`. */
export function readVectors(path: string): { vectors: Tensors; parameters: Readonly<Record<string, number[]>> } {
  const vectors = readNpz(new URL(`./vectors/${path}.npz`, import.meta.url));
  const prefix = "gradient_w/";
  const parameters = Object.entries(vectors).flatMap(([name, tensor]) =>
    name.startsWith(prefix) ? [[underscored(name.slice(prefix.length)), numbersOf(tensor)] as const] : [],
  );
  return { vectors, parameters: Object.fromEntries(parameters) };
}

/** A parameter's name as the vectors write it. */
export function underscored(name: string): string {
  return name.replaceAll(".", "_");
}

/** What the derived graph returns: the logits, the cross-entropy of each sample and the gradients of its sum. */
export async function crossEntropyGradients(
  model: Model,
  wrt: readonly string[],
  feeds: Tensors,
  sample?: Tensors,
): Promise<Tensors> {
  const derived = await differentiate(model, { loss: crossEntropy, wrt, sample });
  const session = await openSession(derived, { threads: 1 });
  try {
    return await session.run(feeds);
  } finally {
    await session.dispose();
  }
}

/** The first `batch` samples, starting again after the last. */
export function repeated(tensor: AnyTensor, batch: number): AnyTensor {
  const [count = 1, ...rest] = tensor.shape;
  const size = tensor.data.length / count;
  const numbers = numbersOf(tensor);
  const chosen = Array.from({ length: batch * size }, (_, index) => numbers[index % (count * size)]!);
  const shape = [batch, ...rest];
  return tensor.dtype === "int64"
    ? { dtype: "int64", shape, data: BigInt64Array.from(chosen, BigInt) }
    : { dtype: "float32", shape, data: Float32Array.from(chosen) };
}
