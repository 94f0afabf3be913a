import { type Draw, sizeOf, type Tensor, tensor } from "@casemate/tensor";
import { contentDraw } from "../defended/content-draw.ts";
import { AttackError } from "../errors.ts";
import { type Classifier, type GradientClassifier, UnansweredRows } from "../models/classifier.ts";
import { lossesOf } from "../models/logit-losses.ts";

export interface Estimator {
  readonly name: string;
  /** Forward passes per gradient, beside the one at the point itself; even, since they come in pairs. */
  readonly samples: number;
  /** How far from the point the model is asked, in units of the input. */
  readonly distance: number;
  readonly seed: number;
  /** Fills a random direction whose features are independent, with mean 0 and variance 1. */
  readonly direction: (target: Float32Array, draw: Draw) => Float32Array;
}

/**
 * A classifier whose gradients are estimated from its scores. For each of samples / 2 random directions u it asks for the loss
 * at x + distance · u and at x - distance · u; the estimate is the mean of u · (difference of both) / (2 · distance), which on
 * average is the gradient of the loss smoothed over such directions. What is drawn depends on the seed and the numbers in a
 * row alone. The points asked for are not clipped to the bounds.
 */
export function estimateGradient(classifier: Classifier, estimator: Estimator): GradientClassifier {
  const { name, samples, distance, seed, direction } = estimator;
  if (!(Number.isInteger(samples) && samples >= 2 && samples % 2 === 0)) {
    throw new AttackError("INVALID_OPTION", `${name}: expected an even number of samples from 2, got ${samples}`);
  }
  if (!(distance > 0)) throw new AttackError("INVALID_OPTION", `${name}: expected a step above 0, got ${distance}`);
  const width = sizeOf(classifier.inputShape);
  const pairs = samples / 2;
  const rowsAtOnce = Math.max(1, Math.floor(PORTION_BYTES / (4 * width * samples)));
  const pairsAtOnce = Math.min(pairs, Math.max(1, Math.floor(PORTION_BYTES / (8 * width))));

  /** Fills the directions of some pairs of a row. */
  const draw = (x: Float32Array, first: number, count: number): Float32Array => {
    const key = { ...contentDraw(seed, x), stream: STREAM };
    const directions = new Float32Array(count * width);
    for (let k = 0; k < count; k++) {
      direction(directions.subarray(k * width, (k + 1) * width), { ...key, step: first + k });
    }
    return directions;
  };

  return {
    inputShape: classifier.inputShape,
    classes: classifier.classes,
    bounds: classifier.bounds,
    ...(classifier.layout && { layout: classifier.layout }),
    queriesPerGradient: samples + 1,
    logits: (x) => classifier.logits(x),
    async lossGradient(x, labels, loss, feeds = {}) {
      const { classes } = classifier;
      const rows = labels.length;
      const logits = await scores(classifier, x);
      const gradient = new Float32Array(x.data.length);
      for (let from = 0; from < rows; from += rowsAtOnce) {
        const to = Math.min(rows, from + rowsAtOnce);
        for (let first = 0; first < pairs; first += pairsAtOnce) {
          const count = Math.min(pairsAtOnce, pairs - first);
          const directions: Float32Array[] = [];
          const points = new Float32Array((to - from) * count * 2 * width);
          const owners = new Int32Array((to - from) * count * 2);
          for (let row = from, at = 0; row < to; row++) {
            const center = x.data.subarray(row * width, (row + 1) * width);
            const drawn = draw(center, first, count);
            directions.push(drawn);
            for (let k = 0; k < count; k++, at += 2) {
              owners.fill(row, at, at + 2);
              for (let j = 0; j < width; j++) {
                const step = distance * drawn[k * width + j]!;
                points[at * width + j] = center[j]! + step;
                points[(at + 1) * width + j] = center[j]! - step;
              }
            }
          }
          const { data } = await scores(classifier, tensor([owners.length, ...classifier.inputShape], points));
          const losses = lossesOf(
            loss,
            data,
            Int32Array.from(owners, (row) => labels[row]!),
            {
              ...(feeds.targets && { targets: Int32Array.from(owners, (row) => feeds.targets![row]!) }),
              ...(feeds.weights && { weights: rowsFor(owners, feeds.weights, classes) }),
            },
          );
          for (const [index, drawn] of directions.entries()) {
            const slopes = gradient.subarray((from + index) * width, (from + index + 1) * width);
            for (let k = 0; k < count; k++) {
              const at = 2 * (index * count + k);
              const scale = (losses[at]! - losses[at + 1]!) / (2 * distance * pairs);
              for (let j = 0; j < width; j++) slopes[j] = slopes[j]! + scale * drawn[k * width + j]!;
            }
          }
        }
      }
      return {
        logits,
        loss: Float32Array.from(lossesOf(loss, logits.data, labels, feeds)),
        gradient: tensor(x.shape, gradient),
      };
    },
  };
}

const PORTION_BYTES = 16 * 2 ** 20;
const STREAM = 0x6772ad1e; // keeps these draws apart from those of attacks and of random models

/** Scores, which are not numbers where there was no answer: the gradient is not finite there, and the sample fails. */
async function scores(classifier: Classifier, x: Tensor): Promise<Tensor> {
  try {
    return await classifier.logits(x);
  } catch (error) {
    if (error instanceof UnansweredRows) return error.logits;
    throw error;
  }
}

function rowsFor(owners: Int32Array, weights: Float32Array, classes: number): Float32Array {
  const rows = new Float32Array(owners.length * classes);
  for (const [index, row] of owners.entries()) {
    rows.set(weights.subarray(row * classes, (row + 1) * classes), index * classes);
  }
  return rows;
}
