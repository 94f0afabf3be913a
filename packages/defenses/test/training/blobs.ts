import type { Model } from "@casemate/onnx";
import { fillNormal, tensor } from "@casemate/tensor";
import { type LabelledSamples, mlp } from "../../src/index.ts";

/** Two clouds of points on the plane, in [0, 1], that a line tells apart. */
export function blobs(count: number, seed: number): LabelledSamples {
  const noise = fillNormal(new Float32Array(2 * count), { seed, stream: 1, sample: 0, step: 0 });
  const x = tensor([count, 2], new Float32Array(2 * count));
  const labels = Int32Array.from({ length: count }, (_, i) => i % 2);
  for (let i = 0; i < 2 * count; i++) {
    const center = labels[i >> 1] === 0 ? 0.3 : 0.7;
    x.data[i] = Math.min(1, Math.max(0, center + 0.06 * noise[i]!));
  }
  return { x, labels };
}

export function smallModel(seed = 0): Model {
  return mlp({ inputShape: [2], classes: 2, hidden: [8], seed });
}

export const unit = { bounds: { lower: 0, upper: 1 } } as const;
