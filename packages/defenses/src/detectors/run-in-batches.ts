import type { Session } from "@casemate/onnx";
import { type Tensor, tensor } from "@casemate/tensor";

/** Outputs of a model for all of `x`, in batches: [samples, ...] each. `copies` is how many rows of the model a sample takes. */
export async function runInBatches(
  session: Session,
  outputs: readonly string[],
  x: Tensor,
  copies = 1,
): Promise<Tensor[]> {
  const [rows, ...sample] = x.shape as [number, ...number[]];
  const width = x.data.length / rows;
  const batch = batchFor(copies);
  const parts: Tensor[][] = [];
  for (let start = 0; start < rows; start += batch) {
    const count = Math.min(batch, rows - start);
    const part = tensor([count, ...sample], x.data.subarray(start * width, (start + count) * width));
    const results = await session.run({ [session.inputs[0]!.name]: part }, outputs);
    parts.push(outputs.map((name) => results[name] as Tensor));
  }
  return outputs.map((_, output) => {
    const joined = tensor([rows, ...parts[0]![output]!.shape.slice(1)]);
    let offset = 0;
    for (const part of parts) {
      joined.data.set(part[output]!.data, offset);
      offset += part[output]!.data.length;
    }
    return joined;
  });
}

/** How many samples to ask about at once where each takes several rows of the model. */
export function batchFor(copies: number): number {
  return Math.max(1, Math.floor(ROWS / copies));
}

const ROWS = 256;
