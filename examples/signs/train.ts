import { type LossSubgraph, type Model, openTrainer, withWeights } from "@casemate/onnx";
import { sizeOf, type Tensor, tensor } from "@casemate/tensor";
import { paintFaces } from "./face.ts";
import { network } from "./network.ts";
import { drawScene, SIZE, streams } from "./scene.ts";
import { signs } from "./signs.ts";

export interface TrainOptions {
  readonly steps?: number;
  readonly batch?: number;
  /** The largest step of Adam; it rises over the first twentieth of training and falls to 0 along half a cosine. */
  readonly learningRate?: number;
  readonly seed?: number;
}

export interface TrainingStep {
  readonly step: number;
  /** Mean cross-entropy of the batch before the step. */
  readonly loss: number;
  /** The classifier after the step. */
  model(): Model;
}

/**
 * Trains the classifier of signs on scenes that are never seen twice, by Adam (Kingma & Ba, 2015,
 * https://arxiv.org/abs/1412.6980). `casemate train` takes data sets, in which samples come again; this takes its steps itself.
 */
export async function* train({
  steps = 1000,
  batch = 64,
  learningRate = 2e-3,
  seed = 0,
}: TrainOptions = {}): AsyncGenerator<TrainingStep, void> {
  const initial = network(signs.length, seed);
  const trainer = await openTrainer(initial, {
    loss: crossEntropy,
    optimizer: { type: "adam" },
    threads: 1, // the same sums in the same order
  });
  const faces = paintFaces(2 * SIZE);
  try {
    for (let step = 0; step < steps; step++) {
      const labels = Array.from({ length: batch }, (_, i) => (step * batch + i) % signs.length);
      const scenes = labels.map((label, i) => {
        return drawScene(faces[label]!, { seed, stream: streams.training, sample: step * batch + i }).image;
      });
      const feeds = {
        image: batchOf(scenes),
        labels: { dtype: "int64", shape: [batch], data: BigInt64Array.from(labels, BigInt) },
      } as const;
      const { loss } = await trainer.step(feeds, learningRate * schedule(step / steps));
      yield { step, loss: mean(loss), model: () => withWeights(initial, trainer.weights) };
    }
  } finally {
    await trainer.dispose();
  }
}

/** Scenes stacked: [n, 3, size, size]. */
export function batchOf(scenes: readonly Tensor[]): Tensor {
  const data = new Float32Array(scenes.length * sizeOf(scenes[0]!.shape));
  for (const [i, scene] of scenes.entries()) data.set(scene.data, i * scene.data.length);
  return tensor([scenes.length, ...scenes[0]!.shape], data);
}

const crossEntropy: LossSubgraph = (graph, logits) => {
  const labels = graph.input("labels", "int64", ["batch"]);
  const chosen = graph.OneHot(labels, signs.length, logits);
  return graph.Neg(graph.ReduceSum(graph.Mul(graph.LogSoftmax(logits, 1), chosen), [1], 0));
};

/** The share of the largest step at a share of training. */
function schedule(done: number): number {
  return Math.min(1, done / 0.05 + 0.01) * 0.5 * (1 + Math.cos(Math.PI * done));
}

function mean(numbers: Float32Array): number {
  return numbers.reduce((sum, each) => sum + each, 0) / numbers.length;
}
