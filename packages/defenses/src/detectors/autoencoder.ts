import type { Bounds } from "@casemate/attacks";
import { GraphBuilder, type LossSubgraph, type Model, openTrainer, type Value, withWeights } from "@casemate/onnx";
import { fillNormal, type Shape, sizeOf, type Tensor, takeRows, tensor } from "@casemate/tensor";
import { Layers } from "../architectures/layers.ts";
import { learningRateAt } from "../training/schedule.ts";
import { shuffled } from "../training/shuffle.ts";
import { streams } from "../training/streams.ts";

export interface AutoencoderOptions {
  readonly layout?: "channels-first" | "channels-last";
  readonly epochs?: number;
  /** Standard deviation of the noise on what is reconstructed in training, in shares of the range; 0.1 as the authors have it on MNIST. */
  readonly noise?: number;
}

/**
 * A network that reconstructs clean samples: input [batch, ...], output of the same shape, within the bounds. For images of even
 * height and width convolutions around a bottleneck of half of both, as MagNet's first on MNIST but with 8 channels and ReLU in
 * place of 3 and sigmoids, so that a few epochs do; for other inputs a hidden layer of half the features.
 */
export async function trainedAutoencoder(
  x: Tensor,
  bounds: Bounds,
  {
    layout = "channels-first",
    epochs = 10,
    noise = 0.1,
    seed,
    signal,
  }: AutoencoderOptions & { readonly seed: number; readonly signal?: AbortSignal },
): Promise<Model> {
  const [count, ...inputShape] = x.shape as [number, ...number[]];
  const width = sizeOf(inputShape);
  const { model, trainable } = autoencoder(inputShape, bounds, layout, seed);
  const trainer = await openTrainer(model, {
    loss: squaredError(inputShape),
    optimizer: { type: "adam" },
    trainable,
    seed,
  });
  try {
    const steps = Math.ceil(count / BATCH);
    for (let epoch = 0; epoch < epochs; epoch++) {
      const order = shuffled(count, seed, streams.reconstruction, epoch);
      for (let step = 0; step < steps; step++) {
        signal?.throwIfAborted();
        const rows = [...order.subarray(step * BATCH, (step + 1) * BATCH)];
        const targets = takeRows(x, rows);
        const input = tensor(targets.shape, targets.data.slice());
        const draws = new Float32Array(width);
        for (const [place, sample] of rows.entries()) {
          fillNormal(draws, { seed, stream: streams.reconstruction, sample: sample + 1, step: epoch });
          for (let j = 0; j < width; j++) {
            const [lower, upper] = [sideAt(bounds.lower, j), sideAt(bounds.upper, j)];
            const noisy = input.data[place * width + j]! + noise * (upper - lower) * draws[j]!;
            input.data[place * width + j] = Math.min(upper, Math.max(lower, noisy));
          }
        }
        const progress = (epoch * steps + step) / (epochs * steps);
        const rate = learningRateAt(progress, { schedule: "one-cycle", learningRate: 5e-3, warmUp: 0 });
        await trainer.step({ input, targets }, rate);
      }
    }
    return withWeights(model, trainer.weights);
  } finally {
    await trainer.dispose();
  }
}

const BATCH = 64;

function autoencoder(inputShape: Shape, bounds: Bounds, layout: string, seed: number) {
  const graph = new GraphBuilder("autoencoder/");
  const layers = new Layers(graph, seed);
  const input = graph.input("input", "float32", ["batch", ...inputShape]);
  const width = sizeOf(inputShape);
  const sides = [bounds.lower, bounds.upper].map((side) =>
    Float32Array.from({ length: width }, (_, j) => sideAt(side, j)),
  );
  const lower = graph.constant(tensor([1, ...inputShape], sides[0]!));
  const range = graph.constant(
    tensor(
      [1, ...inputShape],
      sides[1]!.map((upper, j) => upper - sides[0]![j]! || 1),
    ),
  );
  const shares = graph.Div(graph.Sub(input, lower), range);
  const [channels, height, breadth] = inputShape as [number, number, number];
  const isPicture = inputShape.length === 3 && layout === "channels-first" && height % 2 === 0 && breadth % 2 === 0;
  const output = graph.Sigmoid(isPicture ? convolved(layers, shares, channels) : dense(layers, shares, inputShape));
  const rebuilt = graph.Add(lower, graph.Mul(output, range));
  const model: Model = {
    irVersion: 10,
    opsets: new Map([["", 20]]),
    producer: "casemate",
    metadata: new Map(),
    functions: [],
    graph: {
      name: "autoencoder",
      nodes: graph.nodes,
      inputs: graph.inputs,
      outputs: [{ name: rebuilt.name, dtype: "float32", shape: ["batch", ...inputShape], kind: "tensor" }],
      initializers: graph.initializers,
    },
  };
  const trainable = [...graph.initializers.keys()].filter((name) => /^(convolution|dense)/.test(name));
  return { model, trainable };
}

function convolved(layers: Layers, x: Value, channels: number): Value {
  const { graph } = layers;
  const layer = (place: number, y: Value, inner: number, outer = CHANNELS) =>
    layers.convolution(`convolution${place}`, y, [outer, inner, 3, 3], { pad: 1 });
  const first = layers.relu(layer(1, x, channels));
  const half = graph.op("AveragePool", [first], { attributes: { kernel_shape: [2, 2], strides: [2, 2] } });
  const inner = layers.relu(layer(3, layers.relu(layer(2, half, CHANNELS)), CHANNELS));
  const scales = graph.constant(tensor([4], Float32Array.of(1, 1, 2, 2)));
  const attributes = { mode: "nearest", coordinate_transformation_mode: "asymmetric", nearest_mode: "floor" };
  const doubled = graph.op("Resize", [inner, undefined, scales], { attributes });
  return layer(5, layers.relu(layer(4, doubled, CHANNELS)), CHANNELS, channels);
}

const CHANNELS = 8;

function dense(layers: Layers, x: Value, inputShape: Shape): Value {
  const width = sizeOf(inputShape);
  const hidden = Math.ceil(width / 2);
  const flat = layers.graph.op("Flatten", [x], { attributes: { axis: 1 } });
  const narrow = layers.relu(layers.dense("dense1", flat, width, hidden));
  return layers.graph.Reshape(
    layers.dense("dense2", narrow, hidden, width, false),
    layers.graph.ints([-1, ...inputShape]),
  );
}

function squaredError(inputShape: Shape): LossSubgraph {
  return (graph, output) => {
    const targets = graph.input("targets", "float32", ["batch", ...inputShape]);
    const gap = graph.Sub(output, targets);
    return graph.ReduceSum(
      graph.Mul(gap, gap),
      inputShape.map((_, axis) => axis + 1),
      0,
    );
  };
}

function sideAt(side: number | Float32Array, j: number): number {
  return typeof side === "number" ? side : side[j]!;
}
