import { join } from "node:path";
import { type OnnxClassifier, openClassifier, pgd, run, threats } from "@casemate/attacks";
import { readDataset } from "@casemate/data";
import { readModel } from "@casemate/onnx";
import { type Tensor, tensor } from "@casemate/tensor";
import { median } from "./median.ts";
import { noise, resnet18 } from "./networks.ts";

/**
 * Prints what a PGD step costs as a multiple of a loss-and-gradient run, and what the active set saves: with samples that stand,
 * and where half of them fall at the first step. Measured in turns in one process.
 */
const repetitions = Number(process.argv[2] ?? 7);
const steps = 40;
const root = join(import.meta.dirname, "..", "..");

const images = tensor(
  [64, 3, 32, 32],
  noise([64, 3, 32, 32]).data.map((each) => (each + 1) / 2),
);
const resnet = await openClassifier(resnet18(16), { bounds: { lower: 0, upper: 1 } });
await stepCost("ResNet-18, width 16, batch 64", resnet, images, await predictions(resnet, images), 8 / 255);
await resnet.dispose();

const digits = await readDataset(join(root, "examples/digits/digits-test-500.npz"));
const x = tensor(
  digits.x.shape,
  digits.x.data.map((each) => each / 255),
);
const robust = await openClassifier(await readModel(join(root, "examples/digits/mnist-robust.onnx")), {
  bounds: { lower: 0, upper: 1 },
});
const truth = await predictions(robust, x);
await stepCost("digits CNN, batch 64", robust, first(x, 64), truth.slice(0, 64), 0.3);
await activeSet("digits, all stand", robust, truth, 0.02);
const half = truth.map((label, index) => (index % 2 === 0 ? label : (label + 1) % 10));
await activeSet("digits, half fall at once", robust, half, 0.02);
await robust.dispose();

/** The cost of a step is what 30 more of them cost: the clean and the verifying passes of a run are not part of it. */
async function stepCost(
  name: string,
  model: OnnxClassifier,
  x: Tensor,
  labels: Int32Array,
  epsilon: number,
): Promise<void> {
  const attackWith = (steps: number) => () =>
    run(model, x, labels, threats.linf(epsilon), {
      attack: pgd({ steps, randomStart: false }),
      activeSet: false,
      attackMisclassified: true,
      batchSize: 64,
    });
  const more = 30;
  const [gradients, long, short] = await inTurns([
    async () => {
      for (let step = 0; step < more; step++) {
        await model.lossGradient(x, labels, "cross-entropy");
      }
    },
    attackWith(steps),
    attackWith(steps - more),
  ]);
  print(`${name}: a PGD step / a loss-and-gradient run`, (long! - short!) / gradients!, "at most 1.10");
}

async function activeSet(name: string, model: OnnxClassifier, labels: Int32Array, epsilon: number): Promise<void> {
  const attack = pgd({ steps, randomStart: false });
  const options = { attack, attackMisclassified: true, batchSize: 64 };
  const [without, withActiveSet] = await inTurns(
    [false, true].map((activeSet) => () => run(model, x, labels, threats.linf(epsilon), { ...options, activeSet })),
  );
  print(
    `${name}: PGD-${steps} without / with the active set`,
    without! / withActiveSet!,
    name.includes("half") ? "at least 1.70" : "at least 1.00",
  );
}

/** The median time of each piece of work in milliseconds, each done once per round, forwards and backwards in turn. */
async function inTurns(works: readonly (() => Promise<unknown>)[]): Promise<number[]> {
  const times = works.map((): number[] => []);
  for (let round = 0; round <= repetitions; round++) {
    const order = [...works.keys()];
    for (const index of round % 2 === 0 ? order : order.reverse()) {
      const start = performance.now();
      await works[index]!();
      if (round > 0) {
        times[index]!.push(performance.now() - start);
      }
    }
  }
  return times.map(median);
}

function print(name: string, ratio: number, limit: string): void {
  console.log(`${name}: ${ratio.toFixed(2)} (${limit})`);
}

function first(x: Tensor, count: number): Tensor {
  return tensor([count, ...x.shape.slice(1)], x.data.slice(0, (x.data.length / x.shape[0]!) * count));
}

async function predictions(model: OnnxClassifier, x: Tensor): Promise<Int32Array> {
  const { data } = await model.logits(x);
  return Int32Array.from({ length: x.shape[0]! }, (_, row) => {
    const scores = data.subarray(row * model.classes, (row + 1) * model.classes);
    return scores.indexOf(scores.reduce((largest, score) => Math.max(largest, score)));
  });
}
