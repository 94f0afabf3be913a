import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { linf, openClassifier } from "@casemate/attacks";
import { cnn, pgdTraining, resNet, type TrainingState } from "@casemate/defenses";
import { type Model, openTrainer } from "@casemate/onnx";
import { type Shape, tensor } from "@casemate/tensor";
import { median } from "./median.ts";
import { noise } from "./networks.ts";

/**
 * Prints how long one step of training takes beside PyTorch's eager mode, in turns: a plain step (forward, backward, SGD with
 * momentum) and one of adversarial training with PGD-7, on a network of LeNet's size and a ResNet-18 of width 16. Arguments: rounds
 * and threads; with one thread it counts processor time, which other work on the machine changes little.
 */
const rounds = Number(process.argv[2] ?? 5);
const threads = process.argv[3] === undefined ? undefined : Number(process.argv[3]);
const limit = threads === undefined ? {} : { threads };
const batch = 128;
const python = process.env.CASEMATE_PYTHON ?? "python3";
const script = join(import.meta.dirname, "..", "peers", "training.py");
const bounds = { lower: 0, upper: 1 };

const nets: readonly { name: string; width: number; shape: Shape; model: Model }[] = [
  { name: "LeNet-size CNN", width: 0, shape: [1, 28, 28], model: cnn({ inputShape: [1, 28, 28], classes: 10 }) },
  {
    name: "ResNet-18, width 16",
    width: 16,
    shape: [3, 32, 32],
    model: resNet({ inputShape: [3, 32, 32], classes: 10, width: 16 }),
  },
];

for (const { name, width, shape, model } of nets) {
  const ours = await measureOurs(model, shape);
  const { stdout, status } = spawnSync(
    python,
    [script, width, batch, rounds, ...(threads === undefined ? [] : [threads])].map(String),
    { encoding: "utf8" },
  );
  const peer = status === 0 ? (JSON.parse(stdout) as typeof ours) : undefined;
  for (const [what, wanted] of [
    ["plain", 1],
    ["adversarial", 1.2],
  ] as const) {
    const ratio = peer
      ? `PyTorch ${(1000 * peer[what]).toFixed(1)} ms, ${(peer[what] / ours[what]).toFixed(2)} times ours (wanted ${wanted})`
      : `PyTorch is missing: set CASEMATE_PYTHON to a python that can import torch`;
    console.log(`${name}, batch ${batch}, ${what} step: ${(1000 * ours[what]).toFixed(1)} ms; ${ratio}`);
  }
}

async function measureOurs(model: Model, shape: Shape): Promise<{ plain: number; adversarial: number }> {
  const method = pgdTraining({ steps: 7, stepSize: 0.25 });
  const trainer = await openTrainer(model, {
    loss: method.loss(10),
    optimizer: { type: "sgd", momentum: 0.9 },
    ...limit,
  });
  const gradientsPerChange = batch * method.gradientsPerStep!;
  const classifier = await openClassifier(model, { bounds, weights: trainer.weights, gradientsPerChange, ...limit });
  const pixels = noise([batch, ...shape]).data.map((each) => (each + 1) / 2);
  const x = tensor([batch, ...shape], pixels);
  const labels = Int32Array.from({ length: batch }, (_, i) => i % 10);
  const targets = tensor(
    [batch, 10],
    Float32Array.from({ length: 10 * batch }, (_, i) => Number(i % 10 === Math.floor(i / 10) % 10)),
  );
  const draw = (row: number, purpose: number) => ({ seed: 0, stream: purpose, sample: row, step: 0 });
  const state: TrainingState = {
    trainer,
    classifier,
    input: "input",
    threat: linf(8 / 255),
    rate: 0.01,
    ramp: 1,
    memory: new Map(),
  };
  const times = { plain: [] as number[], adversarial: [] as number[] };
  for (let round = 0; round <= rounds; round++) {
    const start = milliseconds();
    await trainer.step({ input: x, targets }, 0.01);
    const middle = milliseconds();
    await method.step({ x, labels, targets, draw }, state);
    if (round > 0) {
      times.plain.push((middle - start) / 1000);
      times.adversarial.push((milliseconds() - middle) / 1000);
    }
  }
  await trainer.dispose();
  await classifier.dispose();
  return { plain: median(times.plain), adversarial: median(times.adversarial) };
}

function milliseconds(): number {
  if (threads !== 1) return performance.now();
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
