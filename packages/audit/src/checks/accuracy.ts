import { AuditError } from "../errors.ts";
import type { Check, CheckContext, CheckProgress, Measurement } from "./check.ts";
import { proportion } from "./proportion.ts";
import { none } from "./taxonomy.ts";

const BATCH = 64;

/** How often the model is right on samples that nobody has touched. */
export function accuracyCheck(samples: number): Check {
  return {
    id: "accuracy",
    title: "Accuracy on clean samples",
    kind: "accuracy",
    citation: {
      text: "Clopper & Pearson, 1934 (the interval)",
      url: "https://doi.org/10.1093/biomet/26.4.404",
    },
    taxonomy: none,
    parameters: { samples },
    cost: samples,
    run,
  };
}

async function* run({ subject, signal }: CheckContext): AsyncGenerator<CheckProgress, Measurement> {
  const classifier = await subject.classifier();
  const { samples, labels } = subject;
  const predictions: number[] = [];
  while (predictions.length < samples.length) {
    signal?.throwIfAborted();
    const batch = samples.slice(predictions.length, predictions.length + BATCH);
    const { data, shape } = await classifier.logits(subject.inputs(batch));
    for (const [row, sample] of batch.entries()) {
      predictions.push(largestOf(data.subarray(row * shape[1]!, (row + 1) * shape[1]!), sample));
    }
    yield { fraction: predictions.length / samples.length, queries: predictions.length };
  }
  const status = samples.map((sample, row) => (predictions[row] === labels[sample] ? "robust" : "wrong"));
  const right = status.filter((each) => each === "robust").length;
  return {
    queries: { forward: samples.length, backward: 0 },
    metrics: [proportion("accuracy.clean", right, samples.length)],
    samples: { index: samples, status, prediction: predictions, distance: predictions.map(() => null) },
    assumptions: classifier.edits.map((edit) => `The copy that is attacked: ${edit}.`),
  };
}

function largestOf(logits: Float32Array, sample: number): number {
  let best = 0;
  for (const [k, logit] of logits.entries()) {
    if (Number.isNaN(logit)) {
      throw new AuditError("CHECK_FAILED", `the model's scores of sample ${sample} are not numbers`);
    }
    if (logit > logits[best]!) best = k;
  }
  return best;
}
