import { type Bounds, openClassifier, pgd, run, type Threat } from "@casemate/attacks";
import type { LogitsOptions, Model } from "@casemate/onnx";
import { sizeOf, type Tensor, takeRows, tensor } from "@casemate/tensor";
import { DefenseError } from "../errors.ts";
import type { LabelledSamples } from "../training/validate.ts";

/** What a detector that learns from attacked samples is shown. */
export interface PairAttack {
  readonly threat: Threat;
  readonly bounds: Bounds;
  readonly steps?: number;
}

/** Samples that PGD breaks, and what it makes of them. Throws INVALID_OPTION where it breaks fewer than two. */
export async function attackedPairs(
  model: Model,
  { x, labels }: LabelledSamples,
  { threat, bounds, steps = 20 }: PairAttack,
  { seed, output, signal }: { readonly seed: number; readonly output?: LogitsOptions; readonly signal?: AbortSignal },
): Promise<{ readonly clean: Tensor; readonly attacked: Tensor }> {
  const inputShape = x.shape.slice(1);
  const classifier = await openClassifier(model, { bounds, inputShape, ...(output && { output }) });
  try {
    const attack = pgd({ steps, stepSize: Math.min(1, 2.5 / steps) });
    const { samples } = await run(classifier, x, labels, threat, { attack, seed, ...(signal && { signal }) });
    signal?.throwIfAborted();
    const broken = samples.flatMap(({ adversarial }, row) => (adversarial ? [{ row, adversarial }] : []));
    if (broken.length < 2) {
      throw new DefenseError(
        "INVALID_OPTION",
        `fitDetector: expected an attack that breaks two samples or more to learn from, got ${broken.length} of ${labels.length}`,
      );
    }
    const attacked = tensor([broken.length, ...inputShape]);
    for (const [i, { adversarial }] of broken.entries()) attacked.data.set(adversarial, i * sizeOf(inputShape));
    const rows = broken.map(({ row }) => row);
    return { clean: takeRows(x, rows), attacked };
  } finally {
    await classifier.dispose();
  }
}
