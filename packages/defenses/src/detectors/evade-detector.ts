import { type Bounds, type OnnxClassifier, openClassifier, pgd, run, type Threat } from "@casemate/attacks";
import { sizeOf, type Tensor, takeRows, tensor } from "@casemate/tensor";
import { DefenseError } from "../errors.ts";
import type { FittedDetector } from "./open-detector.ts";
import { rejectingModel } from "./rejecting-model.ts";

export interface EvadeOptions {
  readonly bounds: Bounds;
  readonly steps?: number;
  /** How many of a sample's most likely wrong classes are tried; at most all. */
  readonly targets?: number;
  readonly seed?: number;
  readonly signal?: AbortSignal;
}

export interface Evasion {
  /** Samples that were attacked: those that the classifier gets right. */
  readonly attacked: number;
  /** Those with a point in the ball that is misclassified and not flagged. */
  readonly evaded: number;
  /** Such points: [evaded, ...shape of a sample]. */
  readonly examples: Tensor;
}

/**
 * The adaptive attack: targeted PGD on the margin of the classifier and its detector in one (Carlini & Wagner, 2017,
 * https://arxiv.org/abs/1705.07263), towards the most likely wrong classes one after another. What it finds is scored again.
 */
export async function evadeDetector(
  fitted: FittedDetector,
  x: Tensor,
  labels: ArrayLike<number>,
  threat: Threat,
  { bounds, steps = 40, targets = 3, seed = 0, signal }: EvadeOptions,
): Promise<Evasion> {
  if (!Number.isSafeInteger(targets) || targets < 1) {
    throw new DefenseError(
      "INVALID_OPTION",
      `evadeDetector: expected a whole number of targets from 1, got ${targets}`,
    );
  }
  const inputShape = x.shape.slice(1);
  const width = sizeOf(inputShape);
  const classifier: OnnxClassifier = await openClassifier(rejectingModel(fitted), { bounds, inputShape });
  try {
    const orders = ordersOf(await classifier.logits(x));
    let standing = orders.flatMap((order, row) => (order[0] === labels[row] ? [row] : []));
    const attacked = standing.length;
    const found: Float32Array[] = [];
    for (let rank = 1; rank <= Math.min(targets, classifier.classes - 2) && standing.length > 0; rank++) {
      const result = await run(
        classifier,
        takeRows(x, standing),
        standing.map((row) => labels[row]!),
        threat,
        {
          attack: pgd({ steps, loss: "margin" }),
          criterion: { type: "targeted", targets: standing.map((row) => orders[row]![rank]!) },
          attackMisclassified: true, // a clean sample that is flagged is attacked too
          indices: standing,
          seed,
          ...(signal && { signal }),
        },
      );
      const passed = new Set<number>();
      for (const [place, { status, adversarial }] of result.samples.entries()) {
        if (status !== "broken" || !adversarial) continue;
        const [score] = await fitted.score(tensor([1, ...inputShape], adversarial));
        if (!(score! <= fitted.threshold)) continue; // only by rounding
        found.push(adversarial);
        passed.add(place);
      }
      standing = standing.filter((_, place) => !passed.has(place));
    }
    const examples = tensor([found.length, ...inputShape]);
    for (const [row, point] of found.entries()) examples.data.set(point, row * width);
    return { attacked, evaded: found.length, examples };
  } finally {
    await classifier.dispose();
  }
}

/** The classes of each sample from the most likely, without the class that stands for flagged. */
function ordersOf({ shape, data }: Tensor): number[][] {
  const [rows, classes] = shape as [number, number];
  return Array.from({ length: rows }, (_, row) => {
    const logits = data.subarray(row * classes, (row + 1) * classes);
    return Array.from({ length: classes - 1 }, (_, k) => k).sort((a, b) => logits[b]! - logits[a]!);
  });
}
