import type { LossSubgraph } from "@casemate/onnx";
import type { TrainingMethod } from "../training/method.ts";
import type { AscentOptions } from "./ascend.ts";
import { crossEntropyOf, targetsOf } from "./cross-entropy.ts";
import { climbCrossEntropy } from "./pgd.ts";
import { meanOfBlocks, pairedFeeds } from "./rows.ts";
import { nearby } from "./trades.ts";

export interface MartOptions extends Partial<AscentOptions> {
  /** What the divergence counts; the paper's λ. */
  readonly beta?: number;
}

/**
 * MART (Wang et al., 2020, https://openreview.net/forum?id=rklOg6EFwS): on the example of PGD, the cross-entropy plus a margin
 * to the most likely wrong class, and beta times the divergence of its prediction from the clean one, which counts more where
 * the clean sample is not yet well classified. The examples start at x + 0.001 · N(0, 1), as in the authors' code.
 */
export function mart({ steps = 10, stepSize = 0.25, beta = 5 }: MartOptions = {}): TrainingMethod {
  return {
    name: "mart",
    source: "Wang et al., 2020, https://openreview.net/forum?id=rklOg6EFwS",
    loss: (classes) => martLoss(classes, beta),
    gradientsPerStep: steps,
    async step(batch, state) {
      const examples = await climbCrossEntropy(nearby(batch, state), batch, state, { steps, stepSize });
      const { x, ...feeds } = pairedFeeds(batch, examples);
      const { loss } = await state.trainer.step({ [state.input]: x, ...feeds }, state.rate);
      return meanOfBlocks(loss, 2);
    },
  };
}

/** Of pairs of rows: all of it stands in the rows of the examples, twice, so that the mean over all rows is the paper's. */
function martLoss(classes: number, beta: number): LossSubgraph {
  return (graph, logits) => {
    const targets = targetsOf(graph, logits, classes);
    const partner = graph.input("partner", "int64", ["batch"]);
    const isExample = graph.Cast(graph.input("isExample", "float32", ["batch"]), logits.dtype);
    const scalar = (value: number) => graph.scalar(value, logits);
    const logQ = graph.LogSoftmax(logits, 1);
    const logP = graph.LogSoftmax(graph.Gather(logits, partner, 0), 1);
    const p = graph.Exp(logP);
    const isTrue = graph.Equal(targets, graph.ReduceMax(targets, [1]));
    const runnerUp = graph.ReduceMax(graph.Where(isTrue, scalar(0), graph.Exp(logQ)), [1], 0);
    const margin = graph.Neg(graph.Log(graph.Sub(scalar(1 + KEEPS_LOG_FINITE), runnerUp)));
    const boosted = graph.Add(crossEntropyOf(graph, logQ, targets), margin);
    const doubt = graph.Sub(scalar(1), graph.ReduceSum(graph.Mul(targets, p), [1], 0));
    const divergence = graph.ReduceSum(graph.Mul(p, graph.Sub(logP, logQ)), [1], 0);
    const robust = graph.Mul(graph.Mul(scalar(beta), divergence), doubt);
    return graph.Mul(graph.Mul(scalar(2), isExample), graph.Add(boosted, robust));
  };
}

const KEEPS_LOG_FINITE = 1e-4; // the authors', who write log(1.0001 - p)
