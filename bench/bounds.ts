import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { openClassifier } from "@casemate/attacks";
import { readDataset } from "@casemate/data";
import { mlp, openVerifier } from "@casemate/defenses";
import { takeRows, tensor } from "@casemate/tensor";

// What CROWN costs on an MLP 784-100-100-10, in forward passes per sample and class: 1,000 samples at Linf 0.02, random weights.
const SAMPLES = 1000;
const LIMIT = 30;
const bounds = { lower: 0, upper: 1 };
const model = mlp({ inputShape: [784], hidden: [100, 100], classes: 10, seed: 1 });
const digits = await readDataset(fileURLToPath(new URL("../../examples/digits/digits-test-500.npz", import.meta.url)));
const rows = Array.from({ length: SAMPLES }, (_, row) => row % 500);
const { data } = takeRows(digits.x, rows);
const x = tensor(
  [SAMPLES, 784],
  data.map((pixel) => pixel / 255),
);
const labels = rows.map((row) => digits.labels[row]!);
const threads = availableParallelism();
const classifier = await openClassifier(model, { bounds, maxBatch: SAMPLES, threads });
const verifier = await openVerifier(model, { method: "crown", bounds, threads });

async function seconds(work: () => Promise<unknown>, repeats: number): Promise<number> {
  await work();
  const times: number[] = [];
  for (let i = 0; i < repeats; i++) {
    const start = performance.now();
    await work();
    times.push((performance.now() - start) / 1000);
  }
  return times.sort((a, b) => a - b)[Math.floor(repeats / 2)]!;
}

const forward = await seconds(() => classifier.logits(x), 21);
const crown = await seconds(() => verifier.margins(x, labels, { epsilon: 0.02 }), 3);
const ratio = crown / forward / 10;
console.log(`forward ${(forward * 1000).toFixed(2)} ms, CROWN ${(crown * 1000).toFixed(0)} ms for ${SAMPLES} samples`);
console.log(`CROWN: ${ratio.toFixed(1)} forward passes per sample and class (at most ${LIMIT})`);
process.exitCode = ratio <= LIMIT ? 0 : 1;
await verifier.dispose();
await classifier.dispose();
