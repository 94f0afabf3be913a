import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { openClassifier, pgd, run, threats } from "@casemate/attacks";
import { type Model, readModel } from "@casemate/onnx";
import { type Shape, tensor } from "@casemate/tensor";
import { median } from "./median.ts";
import { noise, resnet18 } from "./networks.ts";

/**
 * Prints how much faster Casemate is than PyTorch, Foolbox and ART at the same work: gradients of the input, and PGD without an
 * active set, on the small CNN of the digits example and on a ResNet-18 in CIFAR shape with random weights. Peers that Python cannot import are named as missing.
 */
const steps = 10;
const rounds = 5;
const python = process.env.CASEMATE_PYTHON ?? "python3";
const script = join(import.meta.dirname, "..", "peers", "peers.py");

interface Net {
  readonly name: string;
  readonly model: Model;
  readonly shape: Shape;
  readonly batch: number;
  /** Of the ResNet, for the peers; 0 is the digits CNN. */
  readonly width: number;
}

const digits = join(import.meta.dirname, "..", "..", "examples", "digits", "mnist-standard.onnx");
const nets: readonly Net[] = [
  { name: "digits CNN", model: await readModel(digits), shape: [1, 28, 28], batch: 128, width: 0 },
  ...[16, 64].map((width) => ({
    name: `ResNet-18, width ${width}`,
    model: resnet18(width),
    shape: [3, 32, 32],
    batch: 32,
    width,
  })),
];

for (const net of nets) {
  console.log(`${net.name}, batch ${net.batch}, PGD-${steps}`);
  const peers = measurePeers(net);
  const { gradient, attack } = await measureOurs(net);
  console.log(`  casemate: gradient ${milliseconds(gradient)}, PGD ${milliseconds(attack)}`);
  for (const { name, seconds, missing } of peers) {
    const ours = name.includes("pgd") ? attack : gradient;
    const ratio =
      seconds === undefined
        ? `missing: ${missing}`
        : `${milliseconds(seconds)}, ${(seconds / ours).toFixed(2)} times ours`;
    console.log(`  ${name}: ${ratio}`);
  }
}

interface PeerRow {
  readonly name: string;
  readonly seconds?: number;
  readonly missing?: string;
}

function measurePeers({ width, batch }: Net): PeerRow[] {
  const args = [script, width, batch, steps, rounds].map(String);
  const { stdout, error, status } = spawnSync(python, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  if (error || status !== 0) {
    return [{ name: "pytorch", missing: `${python} cannot import torch; set CASEMATE_PYTHON to one that can` }];
  }
  const rows = stdout
    .trim()
    .split("\n")
    .map((line): PeerRow => JSON.parse(line));
  return rows.filter(({ name }) => !name.endsWith("forward"));
}

async function measureOurs(net: Net): Promise<{ gradient: number; attack: number }> {
  const { batch, shape } = net;
  const model = await openClassifier(net.model, { bounds: { lower: 0, upper: 1 } });
  const x = tensor(
    [batch, ...shape],
    noise([batch, ...shape]).data.map((each) => (each + 1) / 2),
  );
  const labels = Int32Array.from({ length: batch }, (_, index) => index % 10);
  const attack = pgd({ steps, stepSize: 0.25 });
  const options = { attack, activeSet: false, attackMisclassified: true, batchSize: batch };
  const times = { gradient: [] as number[], attack: [] as number[] };
  for (let round = 0; round <= rounds; round++) {
    const start = performance.now();
    await model.lossGradient(x, labels, "cross-entropy");
    const middle = performance.now();
    await run(model, x, labels, threats.linf(8 / 255), options);
    if (round > 0) {
      times.gradient.push((middle - start) / 1000);
      times.attack.push((performance.now() - middle) / 1000);
    }
  }
  await model.dispose();
  return { gradient: median(times.gradient), attack: median(times.attack) };
}

function milliseconds(seconds: number): string {
  return `${(seconds * 1000).toFixed(1)} ms`;
}
