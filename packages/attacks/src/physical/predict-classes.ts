import { sizeOf } from "@casemate/tensor";
import { judge } from "../criterion.ts";
import type { Evaluator } from "../engine/evaluator.ts";

/** The class of an image of each sample, -1 where the model does not answer. */
export async function predictClasses(
  evaluator: Evaluator,
  samples: readonly number[],
  imageOf: (sample: number, index: number) => Float32Array,
  { mayOverdraw = false } = {},
): Promise<number[]> {
  const { model } = evaluator;
  const width = sizeOf(model.inputShape);
  const points = new Float32Array(samples.length * width);
  for (const [i, sample] of samples.entries()) points.set(imageOf(sample, i), i * width);
  const logits = new Float32Array(samples.length * model.classes);
  const failures = await evaluator.logits(points, logits, { mayOverdraw });
  return samples.map((_, i) =>
    failures.has(i) ? -1 : judge(logits, i, model.classes, { label: 0, target: undefined }).prediction,
  );
}
