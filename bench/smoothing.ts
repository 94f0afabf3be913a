import { join } from "node:path";
import { type Classifier, completed, openClassifier } from "@casemate/attacks";
import { certify } from "@casemate/defenses";
import { readModel } from "@casemate/onnx";
import { tensor } from "@casemate/tensor";
import { median } from "./median.ts";
import { noise, resnet18 } from "./networks.ts";

/**
 * Prints how much of a model's raw forward throughput is left when randomized smoothing certifies with it: noise, batches of 1000
 * and counting included. Forward runs and certificates are measured in turns in one process.
 */
const rounds = Number(process.argv[2] ?? 5);
const batchSize = 1000;
const root = join(import.meta.dirname, "..", "..");
const options = { bounds: { lower: 0, upper: 1 }, maxBatch: batchSize };

const resnet = await openClassifier(resnet18(16), options);
await compare("ResNet-18, width 16", resnet, 4, "at least 0.90");
await resnet.dispose();

const digits = await openClassifier(await readModel(join(root, "examples/digits/mnist-standard.onnx")), options);
await compare("digits CNN", digits, 50, "at least 0.40");
await digits.dispose();

async function compare(name: string, model: Classifier, batches: number, limit: string): Promise<void> {
  const shape = [batchSize, ...model.inputShape];
  const x = tensor(
    shape,
    noise(shape).data.map((each) => (each + 1) / 2),
  );
  const sample = tensor([1, ...model.inputShape], x.data.slice(0, x.data.length / batchSize));
  const forward = async () => {
    for (let batch = 0; batch < batches; batch++) await model.logits(x);
  };
  const smoothed = () =>
    completed(
      certify(model, sample, {
        sigma: 0.25,
        n0: batchSize,
        n: (batches - 1) * batchSize,
        batchSize,
        earlyAbstention: false,
      }),
    );
  const times: [number[], number[]] = [[], []];
  for (let round = 0; round <= rounds; round++) {
    for (const index of round % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)) {
      const start = performance.now();
      await (index === 0 ? forward() : smoothed());
      if (round > 0) times[index].push(performance.now() - start);
    }
  }
  const [raw, noisy] = times.map(median) as [number, number];
  const each = (milliseconds: number) => `${((1000 * milliseconds) / (batches * batchSize)).toFixed(1)} µs`;
  console.log(
    `${name}: smoothing / raw forward throughput ${(raw / noisy).toFixed(2)} (${limit}), ${each(noisy)} and ${each(raw)} a row`,
  );
}
