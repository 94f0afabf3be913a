import { type Bounds, type OnnxClassifier, openClassifier, pgd, stream, type Threat } from "@casemate/attacks";
import { type Shape, type Tensor, takeRows, tensor } from "@casemate/tensor";
import { DefenseError } from "../errors.ts";
import type { FittedDetector } from "./open-detector.ts";
import { rejectingModel } from "./rejecting-model.ts";
import { batchFor } from "./run-in-batches.ts";
import { steepenRounding } from "./steepen-rounding.ts";

export interface EvadeOptions {
  readonly bounds: Bounds;
  readonly steps?: number;
  /** How often what still stands is attacked again for each target, from other random points of the ball. */
  readonly restarts?: number;
  /** How many of a sample's most likely wrong classes are tried; at most all. */
  readonly targets?: number;
  readonly seed?: number;
  readonly signal?: AbortSignal;
}

export interface EvadeEvent {
  readonly type: "progress";
  /** Of the longest that it can take, from 0 to 1. */
  readonly fraction: number;
}

export interface Evasion {
  /** Samples that were attacked: those that the classifier gets right. */
  readonly attacked: number;
  /** Those with a point in the ball that is misclassified and not flagged. */
  readonly evaded: number;
  /** Where they are in `x`: [evaded]. */
  readonly rows: readonly number[];
  /** Such points: [evaded, ...shape of a sample]. */
  readonly examples: Tensor;
}

/**
 * The adaptive attack: targeted PGD on the margin of the classifier and its detector in one (Carlini & Wagner, 2017,
 * https://arxiv.org/abs/1705.07263), towards the most likely wrong classes one after another, with restarts. Gradients pass
 * through rounding as if it did nothing (BPDA, Athalye et al., 2018, https://arxiv.org/abs/1802.00420), so that squeezers do not
 * hide them, steeper near its steps, and with momentum: on feature squeezing either found about twice as many. What it finds is scored again by the detector itself.
 */
export async function* evadeDetector(
  fitted: FittedDetector,
  x: Tensor,
  labels: ArrayLike<number>,
  threat: Threat,
  { bounds, steps = 100, restarts = 2, targets = 3, seed = 0, signal }: EvadeOptions,
): AsyncGenerator<EvadeEvent, Evasion> {
  requireWhole("targets", targets, 1);
  requireWhole("restarts", restarts, 0);
  const inputShape = x.shape.slice(1);
  const joint = steepenRounding(rejectingModel(fitted));
  const classifier: OnnxClassifier = await openClassifier(joint, { bounds, inputShape, straightThrough: true });
  try {
    const orders = ordersOf(await classifier.logits(x));
    const attack = pgd({ steps, stepSize: Math.min(1, TRAVEL / steps), momentum: 0.75, restarts, loss: "margin" });
    const ranks = Math.min(targets, classifier.classes - 2);
    let standing = orders.flatMap((order, row) => (order[0] === labels[row] ? [row] : []));
    const attacked = standing.length;
    const found = new Map<number, Float32Array>();
    for (let rank = 1; rank <= ranks && standing.length > 0; rank++) {
      const events = stream(
        classifier,
        takeRows(x, standing),
        standing.map((row) => labels[row]!),
        threat,
        {
          attack,
          criterion: { type: "targeted", targets: standing.map((row) => orders[row]![rank]!) },
          attackMisclassified: true, // a clean sample that is flagged is attacked too
          indices: standing,
          seed,
          batchSize: Math.min(64, batchFor(fitted.copies)),
          ...(signal && { signal }),
        },
      );
      let next = await events.next();
      for (; !next.done; next = await events.next()) {
        const { restart, step, done, active, total } = next.value;
        const inBlock = (restart + step / steps) / (restarts + 1);
        yield { type: "progress", fraction: (rank - 1 + (done + active * inBlock) / total) / ranks };
      }
      signal?.throwIfAborted();
      const broken = next.value.samples.flatMap(({ adversarial }, place) =>
        adversarial ? [[place, adversarial]] : [],
      );
      const passed = await unflagged(fitted, new Map(broken as [number, Float32Array][]), inputShape);
      for (const [place, point] of passed) found.set(standing[place]!, point);
      standing = standing.filter((_, place) => !passed.has(place));
    }
    const rows = [...found.keys()].sort((a, b) => a - b);
    const examples = stacked(
      rows.map((row) => found.get(row)!),
      inputShape,
    );
    return { attacked, evaded: rows.length, rows, examples };
  } finally {
    await classifier.dispose();
  }
}

const TRAVEL = 5; // radii that all steps of a start are long together

/** Those of the points that the detector lets pass: but for rounding all that the joint model lets pass. */
async function unflagged(
  fitted: FittedDetector,
  points: ReadonlyMap<number, Float32Array>,
  inputShape: Shape,
): Promise<ReadonlyMap<number, Float32Array>> {
  if (points.size === 0) return points;
  const scores = await fitted.score(stacked([...points.values()], inputShape));
  return new Map([...points].filter((_, i) => scores[i]! <= fitted.threshold));
}

function stacked(points: readonly Float32Array[], inputShape: Shape): Tensor {
  const all = tensor([points.length, ...inputShape]);
  for (const [row, point] of points.entries()) all.data.set(point, row * point.length);
  return all;
}

function requireWhole(name: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new DefenseError(
    "INVALID_OPTION",
    `evadeDetector: expected a whole number of ${name} from ${least}, got ${value}`,
  );
}

/** The classes of each sample from the most likely, without the class that stands for flagged. */
function ordersOf({ shape, data }: Tensor): number[][] {
  const [rows, classes] = shape as [number, number];
  return Array.from({ length: rows }, (_, row) => {
    const logits = data.subarray(row * classes, (row + 1) * classes);
    return Array.from({ length: classes - 1 }, (_, k) => k).sort((a, b) => logits[b]! - logits[a]!);
  });
}
