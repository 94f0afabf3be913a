import { differentiate, type LossSubgraph, openSession } from "@casemate/onnx";
import { sizeOf, type Tensor, tensor } from "@casemate/tensor";
import { paintFaces } from "./face.ts";
import { initialWeights, network, type Weights } from "./network.ts";
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
  /** After the step; the next one changes them in place. */
  readonly weights: Weights;
}

/**
 * Trains the classifier of signs on scenes that are never seen twice, by Adam (Kingma & Ba, 2015,
 * https://arxiv.org/abs/1412.6980) on the gradients of Casemate's own backward pass.
 */
export async function* train({
  steps = 1000,
  batch = 64,
  learningRate = 2e-3,
  seed = 0,
}: TrainOptions = {}): AsyncGenerator<TrainingStep, void> {
  const { model, shapes } = network(signs.length);
  const weights = initialWeights(shapes, seed);
  const moments = new Map([...shapes].map(([name, shape]) => [name, zeroMoments(sizeOf(shape))]));
  const session = await openSession(await differentiate(model, { loss: crossEntropy, wrt: [...shapes.keys()] }), {
    threads: 1, // the same sums in the same order
  });
  const faces = paintFaces(2 * SIZE);
  try {
    for (let step = 0; step < steps; step++) {
      const labels = Array.from({ length: batch }, (_, i) => (step * batch + i) % signs.length);
      const scenes = labels.map((label, i) => {
        return drawScene(faces[label]!, { seed, stream: streams.training, sample: step * batch + i }).image;
      });
      const results = await session.run({
        image: batchOf(scenes),
        labels: { dtype: "int64", shape: [batch], data: BigInt64Array.from(labels, BigInt) },
        ...Object.fromEntries(weights),
      });
      const rate = learningRate * schedule(step / steps);
      for (const [name, { data }] of weights) {
        const gradient = results[`gradient/${name}`]!.data as Float32Array;
        adam(data, gradient, moments.get(name)!, { step, rate, scale: 1 / batch });
      }
      yield { step, loss: mean(results.loss!.data as Float32Array), weights };
    }
  } finally {
    await session.dispose();
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

interface Moments {
  readonly first: Float32Array;
  readonly second: Float32Array;
}

function zeroMoments(size: number): Moments {
  return { first: new Float32Array(size), second: new Float32Array(size) };
}

interface AdamStep {
  readonly step: number;
  readonly rate: number;
  /** What the gradient is multiplied by. */
  readonly scale: number;
}

/** One step down the gradient, each weight at its own pace; β₁ = 0.9, β₂ = 0.999. Changes the weights and the moments. */
function adam(weights: Float32Array, gradient: Float32Array, { first, second }: Moments, at: AdamStep): void {
  const firstShare = 1 - 0.9 ** (at.step + 1);
  const secondShare = 1 - 0.999 ** (at.step + 1);
  for (let i = 0; i < weights.length; i++) {
    const slope = gradient[i]! * at.scale;
    first[i] = 0.9 * first[i]! + 0.1 * slope;
    second[i] = 0.999 * second[i]! + 0.001 * slope * slope;
    weights[i]! -= (at.rate * (first[i]! / firstShare)) / (Math.sqrt(second[i]! / secondShare) + 1e-8);
  }
}

/** The share of the largest step at a share of training. */
function schedule(done: number): number {
  return Math.min(1, done / 0.05 + 0.01) * 0.5 * (1 + Math.cos(Math.PI * done));
}

function mean(numbers: Float32Array): number {
  return numbers.reduce((sum, each) => sum + each, 0) / numbers.length;
}
