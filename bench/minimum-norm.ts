import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Attack, carliniWagnerL2, deepFool, openClassifier, run, threats } from "@casemate/attacks";
import { readDataset, writeNpz } from "@casemate/data";
import { type Model, readModel } from "@casemate/onnx";
import { type Tensor, tensor } from "@casemate/tensor";
import { median } from "./median.ts";
import { multilayerPerceptron, noise } from "./networks.ts";

/**
 * Prints how much faster Casemate is than Foolbox and ART at attacks that look for the nearest, on small networks with the same
 * weights and samples: C&W in L2 with the same number of searches and steps, none ended early, and DeepFool (not in ART, where it takes minutes). Peers that Python
 * cannot import are named as missing.
 */
const samples = 64;
const searches = 2;
const iterations = 50;
const rounds = Number(process.argv[2] ?? 3);
const threads = Number(process.argv[3] ?? 2);
const root = join(import.meta.dirname, "..", "..");
const python = process.env.CASEMATE_PYTHON ?? "python3";
const script = join(import.meta.dirname, "..", "peers", "minimum_norm.py");
const attacks: readonly Attack[] = [
  carliniWagnerL2({ searches, iterations, initialConstant: 1, abortEarly: false }),
  deepFool(),
];

interface PeerRow {
  readonly name: string;
  readonly attack: string;
  readonly seconds?: number;
  /** Mean distance in L2 of what was broken. */
  readonly mean?: number;
  readonly missing?: string;
}

const digits = await readDataset(join(root, "examples/digits/digits-test-500.npz"));
const images = tensor(
  [samples, 1, 28, 28],
  digits.x.data.slice(0, samples * 784).map((each) => each / 255),
);
const grey = tensor(
  [samples, 784],
  noise([samples, 784]).data.map((each) => (each + 1) / 2),
);
await compare("digits CNN", "cnn", await readModel(join(root, "examples/digits/mnist-standard.onnx")), images);
await compare("MLP 784-128-64-10", "mlp", multilayerPerceptron([784, 128, 64, 10]), grey);

async function compare(title: string, architecture: "cnn" | "mlp", model: Model, x: Tensor): Promise<void> {
  console.log(`${title}, ${samples} samples, C&W ${searches} x ${iterations}`);
  const classifier = await openClassifier(model, { bounds: { lower: 0, upper: 1 }, threads });
  const logits = await classifier.logits(x);
  const labels = Array.from({ length: samples }, (_, row) => {
    const scores = logits.data.subarray(row * 10, (row + 1) * 10);
    return scores.indexOf(Math.max(...scores));
  });
  const peers = await measurePeers(architecture, model, x, labels);
  for (const attack of attacks) {
    const times: number[] = [];
    let mean = 0;
    for (let round = 0; round <= rounds; round++) {
      const start = performance.now();
      const result = await run(classifier, x, labels, threats.l2(Infinity), { attack, batchSize: samples });
      if (round > 0) times.push((performance.now() - start) / 1000);
      const distances = result.samples.flatMap(({ distance }) => distance ?? []);
      mean = distances.reduce((sum, each) => sum + each, 0) / distances.length;
    }
    const seconds = median(times);
    console.log(`  casemate ${attack.name}: ${seconds.toFixed(2)} s, mean distance ${mean.toFixed(3)}`);
    for (const peer of peers.filter((each) => each.attack === attack.name)) {
      const ratio =
        peer.seconds === undefined
          ? `missing: ${peer.missing}`
          : `${peer.seconds.toFixed(2)} s, ${(peer.seconds / seconds).toFixed(2)} times ours, mean distance ${peer.mean!.toFixed(3)}`;
      console.log(`  ${peer.name} ${peer.attack}: ${ratio}`);
    }
  }
  await classifier.dispose();
}

/** Has Python attack the same samples on the same weights, which it reads from a file. */
async function measurePeers(architecture: string, model: Model, x: Tensor, labels: number[]): Promise<PeerRow[]> {
  const folder = mkdtempSync(join(tmpdir(), "casemate-bench-"));
  try {
    const path = join(folder, "network.npz");
    const weights = [...model.graph.initializers.values()].flatMap(({ shape, data }) =>
      data.type === "bytes" ? tensor(shape, new Float32Array(data.bytes.slice().buffer)) : [],
    );
    const y = { dtype: "int64" as const, shape: [samples], data: BigInt64Array.from(labels, BigInt) };
    await writeNpz(path, { x, y, ...Object.fromEntries(weights.map((each, index) => [`weight${index}`, each])) });
    const args = [script, path, architecture, searches, iterations, rounds, threads].map(String);
    const { stdout, error, status } = spawnSync(python, args, {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    if (error || status !== 0) {
      const missing = `${python} cannot import torch; set CASEMATE_PYTHON to one that can`;
      return attacks.map(({ name }) => ({ name: "pytorch", attack: name, missing }));
    }
    return stdout
      .trim()
      .split("\n")
      .map((line): PeerRow => JSON.parse(line));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
