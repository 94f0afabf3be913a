import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { hopSkipJump, l2, openClassifier, run } from "@casemate/attacks";
import { readDataset } from "@casemate/data";
import { readModel } from "@casemate/onnx";
import { tensor } from "@casemate/tensor";
import { median } from "./median.ts";

/**
 * Prints what a query of HopSkipJump costs, the model's pass included, beside ART and Foolbox on the same network and samples,
 * and how near each comes in as many iterations. Measured in turns. Peers that Python cannot import are named as missing.
 */
const samples = 20;
const iterations = 10;
const rounds = Number(process.argv[2] ?? 3);
const python = process.env.CASEMATE_PYTHON ?? "python3";
const root = join(import.meta.dirname, "..", "..");
const modelFile = join(root, "examples/digits/mnist-standard.onnx");
const samplesFile = join(root, "examples/digits/digits-test-500.npz");

interface PeerRow {
  readonly name: string;
  readonly secondsPerQuery?: number;
  readonly queries?: number;
  /** The median in L2. */
  readonly distance?: number;
  readonly missing?: string;
}

const digits = await readDataset(samplesFile);
const x = tensor(
  [samples, 1, 28, 28],
  Float32Array.from(digits.x.data.subarray(0, samples * 28 * 28), (pixel) => pixel / 255),
);
const labels = Array.from(digits.labels.subarray(0, samples), Number);
const model = await openClassifier(await readModel(modelFile), { bounds: { lower: 0, upper: 1 }, threads: 2 });
const rows: PeerRow[] = [];
await measureOurs();
for (let round = 0; round < rounds; round++) rows.push(await measureOurs(), ...measurePeers());
await model.dispose();

console.log(`HopSkipJump in L2, ${samples} digits, ${iterations} iterations, ${rounds} rounds`);
const ours = median(rows.flatMap(({ name, secondsPerQuery }) => (name === "casemate" ? [secondsPerQuery!] : [])));
for (const name of new Set(rows.map((row) => row.name))) {
  const turns = rows.filter((row) => row.name === name);
  const { missing, queries, distance } = turns[0]!;
  if (missing !== undefined) {
    console.log(`  ${name}: missing: ${missing}`);
    continue;
  }
  const cost = median(turns.map(({ secondsPerQuery }) => secondsPerQuery!));
  const reached = `${queries} queries, median distance ${distance!.toFixed(3)}`;
  console.log(`  ${name}: ${(cost * 1e6).toFixed(1)} µs a query, ${(cost / ours).toFixed(2)} times ours; ${reached}`);
}

async function measureOurs(): Promise<PeerRow> {
  const start = performance.now();
  const attack = hopSkipJump({ iterations });
  const result = await run(model, x, labels, l2(Infinity), { attack, activeSet: false });
  const seconds = (performance.now() - start) / 1000;
  const distance = median(result.samples.map((sample) => sample.distance ?? Infinity));
  const queries = result.queries.forward;
  return { name: "casemate", secondsPerQuery: seconds / queries, queries, distance };
}

function measurePeers(): PeerRow[] {
  const script = join(import.meta.dirname, "..", "peers", "decision.py");
  const args = [script, modelFile, samplesFile, `${samples}`, `${iterations}`, "1"];
  const { stdout, error, status } = spawnSync(python, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  if (error || status !== 0) {
    return [{ name: "peers", missing: `${python} cannot import torch and onnx; set CASEMATE_PYTHON to one that can` }];
  }
  return stdout
    .trim()
    .split("\n")
    .map((line): PeerRow => JSON.parse(line));
}
