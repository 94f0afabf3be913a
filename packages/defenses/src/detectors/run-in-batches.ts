import type { Session } from "@casemate/onnx";
import { type Tensor, tensor } from "@casemate/tensor";

/** One output of a model for all of `x`, in batches: [samples, ...]. */
export async function runInBatches(session: Session, output: string, x: Tensor): Promise<Tensor> {
  const [rows, ...sample] = x.shape as [number, ...number[]];
  const width = x.data.length / rows;
  const parts: Tensor[] = [];
  for (let start = 0; start < rows; start += BATCH) {
    const count = Math.min(BATCH, rows - start);
    const part = tensor([count, ...sample], x.data.subarray(start * width, (start + count) * width));
    parts.push((await session.run({ [session.inputs[0]!.name]: part }, [output]))[output] as Tensor);
  }
  const joined = tensor([rows, ...parts[0]!.shape.slice(1)]);
  let offset = 0;
  for (const { data } of parts) {
    joined.data.set(data, offset);
    offset += data.length;
  }
  return joined;
}

const BATCH = 256;
