import { type Model, openSession } from "@casemate/onnx";
import type { Tensor } from "@casemate/tensor";

/** The class that the model gives each image [n, 3, size, size] from 0 to 1. */
export async function classify(model: Model, images: Tensor): Promise<number[]> {
  const session = await openSession(model, { threads: 1 });
  try {
    const { logits } = await session.run({ image: images });
    const [count, classes] = logits!.shape as [number, number];
    const scores = logits!.data as Float32Array;
    return Array.from({ length: count }, (_, i) => {
      const row = scores.subarray(i * classes, (i + 1) * classes);
      return row.indexOf(Math.max(...row));
    });
  } finally {
    await session.dispose();
  }
}

/** The share of labels that the model finds. */
export async function accuracy(model: Model, images: Tensor, labels: ArrayLike<number>): Promise<number> {
  const found = await classify(model, images);
  return found.filter((label, i) => label === labels[i]).length / labels.length;
}
