import type { LossSubgraph } from "@casemate/onnx";
import { clip, fillNormal, type Tensor } from "@casemate/tensor";
import type { Batch, TrainingMethod, TrainingState } from "../training/method.ts";
import { type AscentOptions, ascend, purposes, widthOf } from "./ascend.ts";
import { crossEntropyOf, targetsOf } from "./cross-entropy.ts";
import { copyOf, meanOfBlocks, pairedFeeds, softmax } from "./rows.ts";

export interface TradesOptions extends Partial<AscentOptions> {
  /** What robustness counts against accuracy; the paper's 1 / λ. */
  readonly beta?: number;
}

/**
 * TRADES (Zhang et al., 2019, https://arxiv.org/abs/1901.08573): the cross-entropy of the clean sample, plus beta times the
 * divergence (Kullback-Leibler) of the prediction for the worst point in the ball from that for the sample. The worst point
 * is the one that raises the divergence, found from x + 0.001 · N(0, 1), with the model as it serves. Unlike in the authors'
 * code, samples and examples pass together, so that batch normalisation sees both.
 */
export function trades({ steps = 10, stepSize = 0.25, beta = 6 }: TradesOptions = {}): TrainingMethod {
  return {
    name: "trades",
    source: "Zhang et al., 2019, https://arxiv.org/abs/1901.08573",
    loss: (classes) => tradesLoss(classes, beta),
    gradientsPerStep: steps,
    async step(batch, state) {
      const examples = await divergingExamples(batch, state, { steps, stepSize });
      const { x, ...feeds } = pairedFeeds(batch, examples);
      const { loss } = await state.trainer.step({ [state.input]: x, ...feeds }, state.rate);
      return meanOfBlocks(loss, 2);
    },
  };
}

/** Of pairs of rows, so that the mean over all rows is the paper's objective. */
function tradesLoss(classes: number, beta: number): LossSubgraph {
  return (graph, logits) => {
    const targets = targetsOf(graph, logits, classes);
    const partner = graph.input("partner", "int64", ["batch"]);
    const isExample = graph.Cast(graph.input("isExample", "float32", ["batch"]), logits.dtype);
    const logQ = graph.LogSoftmax(logits, 1);
    const logP = graph.LogSoftmax(graph.Gather(logits, partner, 0), 1);
    const divergence = graph.ReduceSum(graph.Mul(graph.Exp(logP), graph.Sub(logP, logQ)), [1], 0);
    const clean = graph.Mul(graph.Sub(graph.scalar(1, logits), isExample), crossEntropyOf(graph, logQ, targets));
    const robust = graph.Mul(graph.Mul(isExample, graph.scalar(beta, logits)), divergence);
    return graph.Mul(graph.scalar(2, logits), graph.Add(clean, robust));
  };
}

async function divergingExamples(batch: Batch, state: TrainingState, options: AscentOptions): Promise<Tensor> {
  const { x, labels } = batch;
  const { classifier } = state;
  const weights = softmax(await classifier.logits(x)).data;
  return ascend(nearby(batch, state), x, state, options, async (points) => {
    const { gradient } = await classifier.lossGradient(points, labels, "divergence", { weights });
    return gradient;
  });
}

/** x + 0.001 · N(0, 1), where the slope of a divergence is not 0, inside the ball and the bounds. */
export function nearby({ x, draw }: Batch, { threat, classifier: { bounds } }: TrainingState): Tensor {
  const points = copyOf(x);
  const width = widthOf(x);
  const noise = new Float32Array(width);
  for (let row = 0, start = 0; start < points.data.length; row++, start += width) {
    fillNormal(noise, draw(row, purposes.start));
    for (let j = 0; j < width; j++) {
      if (threat.mask?.[j] !== 0) points.data[start + j]! += START_NOISE * noise[j]!;
    }
  }
  clip(points.data, bounds.lower, bounds.upper);
  threat.project(points.data, x.data, width, bounds);
  return points;
}

const START_NOISE = 0.001; // the authors'
