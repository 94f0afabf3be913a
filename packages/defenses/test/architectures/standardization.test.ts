import { initializerTensor, type Model, openSession } from "@casemate/onnx";
import { fillNormal, type Tensor, tensor } from "@casemate/tensor";
import { expect, test } from "vitest";
import { mlp, standardizationOf, train } from "../../src/index.ts";

const table = tensor([4, 3], Float32Array.of(1, 1000, 7, 3, 3000, 7, 5, 5000, 7, 7, 7000, 7));

test("a table's features have their mean and deviation, and one that never changes is divided by 1", () => {
  const { mean, deviation } = standardizationOf(table);
  expect([...mean]).toEqual([4, 4000, 7]);
  expect([...deviation]).toEqual([Math.sqrt(5), 1000 * Math.sqrt(5), 1].map(Math.fround));
});

test("a constant of many digits does not pass for a feature that changes", () => {
  const same = tensor([1000, 1], new Float32Array(1000).fill(12345.678));
  expect([...standardizationOf(same).deviation]).toEqual([1]);
});

test("an mlp that standardises gives on raw rows what one without gives on standardised rows", async () => {
  const standardization = standardizationOf(table);
  const size = { inputShape: [3], classes: 2, hidden: [5], seed: 4 };
  const { mean, deviation } = standardization;
  const by = tensor(
    table.shape,
    table.data.map((each, i) => (each - mean[i % 3]!) / deviation[i % 3]!),
  );
  const [inside, outside] = [await run(mlp({ ...size, standardization }), table), await run(mlp(size), by)];
  for (const [i, each] of inside.entries()) expect(each).toBeCloseTo(outside[i]!, 5);
});

test("training leaves the constants as they are, and learns from columns of very different sizes", async () => {
  const noise = fillNormal(new Float32Array(400), { seed: 1, stream: 0, sample: 0, step: 0 });
  const x = tensor(
    [200, 2],
    noise.map((each, i) => (i % 2 === 0 ? 1e4 * each : 1e-3 * each)),
  );
  const labels = Int32Array.from({ length: 200 }, (_, i) => (noise[2 * i]! + noise[2 * i + 1]! > 0 ? 1 : 0));
  const model = mlp({ inputShape: [2], classes: 2, hidden: [8], standardization: standardizationOf(x) });
  const events = train(
    model,
    { x, labels },
    {
      classifier: { bounds: { lower: -1e5, upper: 1e5 } },
      epochs: 10,
      batchSize: 20,
      learningRate: 0.02,
      validation: { x, labels },
    },
  );
  let step = await events.next();
  while (!step.done) step = await events.next();
  const { model: trained, history, bestEpoch } = step.value;
  expect(history[bestEpoch - 1]!.correct).toBeGreaterThanOrEqual(190);
  for (const name of ["standardization.mean", "standardization.factor"]) {
    expect(numbers(trained, name)).toEqual(numbers(model, name));
  }
  expect(numbers(trained, "dense1.weight")).not.toEqual(numbers(model, "dense1.weight"));
});

test.each([
  ["too few", { mean: Float32Array.of(0), deviation: Float32Array.of(1, 1) }],
  ["a deviation of 0", { mean: Float32Array.of(0, 0), deviation: Float32Array.of(1, 0) }],
])("%s is refused", (_, standardization) => {
  expect(() => mlp({ inputShape: [2], classes: 2, standardization })).toThrow(
    /mlp: expected a standardization of 2 means and deviations above 0/,
  );
});

test("samples that are no table have no standardization", () => {
  expect(() => standardizationOf(tensor([2, 1, 2]))).toThrow(/expected samples \[n, features\], got \[2,1,2\]/);
});

async function run(model: Model, input: Tensor): Promise<Float32Array> {
  const session = await openSession(model);
  const { logits } = await session.run({ input }).finally(() => session.dispose());
  return logits!.data as Float32Array;
}

function numbers({ graph }: Model, name: string): unknown[] {
  return [...(initializerTensor(graph.initializers.get(name)!).data as Float32Array)];
}
