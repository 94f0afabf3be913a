import { fillUniform, type Tensor } from "@casemate/tensor";
import { AttackError } from "../errors.ts";
import type { Classifier } from "../models/classifier.ts";

/**
 * Divides samples at random, by seed, into those that something is made from and those that it is measured on. Throws an
 * AttackError if either would be empty, or samples and labels do not fit the model.
 */
export function splitSamples(
  name: string,
  { inputShape, classes }: Classifier,
  x: Tensor,
  labels: ArrayLike<number>,
  { share, seed }: Readonly<Record<"share" | "seed", number>>,
): { readonly trained: number[]; readonly heldOut: number[] } {
  const [count = 0, ...shape] = x.shape;
  if (shape.join() !== inputShape.join()) {
    throw new AttackError("SHAPE_MISMATCH", `${name}: expected x of shape [samples, ${inputShape}], got [${x.shape}]`);
  }
  if (labels.length !== count) {
    throw new AttackError("SHAPE_MISMATCH", `${name}: expected ${count} labels, got ${labels.length}`);
  }
  for (let i = 0; i < count; i++) {
    if (Number.isInteger(labels[i]) && labels[i]! >= 0 && labels[i]! < classes) continue;
    const expected = `a label from 0 to ${classes - 1}`;
    throw new AttackError("INVALID_OPTION", `${name}: expected ${expected} for sample ${i}, got ${labels[i]}`);
  }
  const kept = Math.round(share * count);
  if (!(share > 0 && kept > 0 && kept < count)) {
    const expected = "a share of held-out samples that leaves some on both sides";
    throw new AttackError("INVALID_OPTION", `${name}: expected ${expected}, got ${share} of ${count}`);
  }
  const keys = fillUniform(new Float32Array(count), { seed, stream: SPLIT, sample: 0, step: 0 });
  const order = Array.from(keys, (_, i) => i).sort((a, b) => keys[a]! - keys[b]! || a - b);
  const rising = (part: number[]) => part.sort((a, b) => a - b);
  return { trained: rising(order.slice(kept)), heldOut: rising(order.slice(0, kept)) };
}

const SPLIT = 0x53504c54; // a stream of random numbers of its own
