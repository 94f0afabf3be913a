import { differentiate, encodeModel, initializerTensor, type Model, openSession, parseModel } from "@casemate/onnx";
import { type AnyTensor, sizeOf, tensor } from "@casemate/tensor";
import { describe, expect, test } from "vitest";
import { cnn, DefenseError, mlp, resNet, textCnn } from "../../src/index.ts";

const image = { inputShape: [2, 7, 6], classes: 3 };
const text = { inputShape: [6], classes: 2, vocabulary: 5, embedding: 3, widths: [2, 3], filters: 2 };
const builders = [
  { name: "mlp", build: (seed?: number) => mlp({ ...image, hidden: [5, 4], seed }) },
  { name: "cnn", build: (seed?: number) => cnn({ ...image, filters: [3, 4], hidden: 5, seed }) },
  { name: "resNet", build: (seed?: number) => resNet({ ...image, width: 2, blocks: [1, 2], seed }) },
  { name: "textCnn", build: (seed?: number) => textCnn({ ...text, seed }) },
];

describe.each(builders)("$name", ({ build }) => {
  test("gives logits for batches of any size, also after it was a file", async () => {
    const model = build();
    expect(model.graph.inputs.map(({ name }) => name)).toEqual(["input"]);
    for (const n of [1, 3]) {
      const { logits } = await run(parseModel(encodeModel(model)), inputFor(model, n));
      expect(logits!.shape).toEqual([n, model.graph.outputs[0]!.shape![1]]);
    }
  });

  test("depends on its seed only", () => {
    const numbers = (seed?: number) => [...weightsOf(build(seed)).values()].map(({ data }) => [...data].map(Number));
    expect(numbers(0)).toEqual(numbers());
    expect(numbers(1)).not.toEqual(numbers());
  });

  test("has a gradient for each weight, running averages apart", async () => {
    const model = build();
    const learned = [...weightsOf(model).keys()].filter((name) => !/\.(mean|variance)$/.test(name));
    const session = await openSession(
      await differentiate(model, {
        loss: (graph, logits) => graph.ReduceSum(graph.Mul(logits, logits), [1], 0),
        wrt: learned,
      }),
    );
    const feeds = Object.fromEntries(learned.map((name) => [name, weightsOf(model).get(name)!]));
    const results = await session.run({ ...feeds, input: inputFor(model, 4) }).finally(() => session.dispose());
    for (const name of learned) {
      expect(results[`gradient/${name}`]!.shape).toEqual(weightsOf(model).get(name)!.shape);
    }
  });
});

test("an mlp is its dense layers with ReLU between them", async () => {
  const model = mlp({ inputShape: [2, 2], classes: 2, hidden: [3] });
  const x = inputFor(model, 2);
  const { logits } = await run(model, x);
  const rows = [0, 4].map((from) =>
    dense(model, "dense2", dense(model, "dense1", [...x.data].slice(from, from + 4).map(Number)).map(relu)),
  );
  expectClose(logits!, rows.flat());
});

test("a cnn is its convolutions with stride 2 and its dense layers", async () => {
  const model = cnn({ inputShape: [1, 3, 2], classes: 2, filters: [2], hidden: 3 });
  const x = inputFor(model, 1);
  const weight = weightsOf(model).get("convolution1.weight")!.data as Float32Array;
  const features: number[] = [];
  for (let channel = 0; channel < 2; channel++)
    for (const centre of [0, 2]) {
      let sum = 0; // around row `centre`, column 0
      for (let row = 0; row < 3; row++)
        for (let column = 0; column < 2; column++)
          sum += weight[channel * 25 + (row - centre + 2) * 5 + column + 2]! * Number(x.data[row * 2 + column]);
      features.push(relu(sum));
    }
  const { logits } = await run(model, x);
  expectClose(logits!, dense(model, "dense2", dense(model, "dense1", features).map(relu)));
});

test("a text convolution takes the maximum over time of windows of its widths", async () => {
  const model = textCnn(text);
  const tokens = [4, 0, 2, 2, 1, 3];
  const weights = weightsOf(model);
  const table = weights.get("embedding.weight")!.data as Float32Array;
  const features = [2, 3].flatMap((width) => {
    const kernel = weights.get(`width${width}.weight`)!.data as Float32Array;
    return [0, 1].map((filter) => {
      const windows = Array.from({ length: 6 - width + 1 }, (_, start) => {
        let sum = 0;
        for (let e = 0; e < 3; e++)
          for (let k = 0; k < width; k++)
            sum += kernel[(filter * 3 + e) * width + k]! * table[tokens[start + k]! * 3 + e]!;
        return relu(sum);
      });
      return Math.max(...windows);
    });
  });
  const { logits } = await run(model, { dtype: "int64", shape: [1, 6], data: BigInt64Array.from(tokens, BigInt) });
  expectClose(logits!, dense(model, "dense", features));
});

test("a ResNet-18 of width 64 has the 11,173,962 weights that are known of it for CIFAR-10", () => {
  const model = resNet({ inputShape: [3, 32, 32], classes: 10, width: 64 });
  const learned = [...model.graph.initializers.values()].filter(({ name }) => !/\.(mean|variance)$/.test(name));
  expect(learned.reduce((sum, { shape }) => sum + sizeOf(shape), 0)).toBe(11_173_962);
});

test("weights begin with the variance of He before a ReLU, of Glorot at the end, and biases at 0", () => {
  const weights = weightsOf(mlp({ inputShape: [300], classes: 200, hidden: [250] }));
  expect(variance(weights.get("dense1.weight")!) / (2 / 300)).toBeCloseTo(1, 1);
  expect(variance(weights.get("dense2.weight")!) / (2 / 450)).toBeCloseTo(1, 1);
  expect([...weights.get("dense1.bias")!.data].every((each) => each === 0)).toBe(true);
});

test.each([
  ["a size of 0", () => mlp({ ...image, hidden: [0] })],
  ["half a class", () => cnn({ ...image, classes: 2.5 })],
  ["an image without channels", () => resNet({ ...image, inputShape: [28, 28] })],
  ["a window longer than the text", () => textCnn({ ...text, widths: [7] })],
  ["two windows of one width", () => textCnn({ ...text, widths: [2, 2] })],
])("%s is refused", (_, build) => {
  expect(build).toThrow(DefenseError);
});

function weightsOf({ graph }: Model): Map<string, AnyTensor> {
  const named = [...graph.initializers.values()].filter(({ name }) => !name.includes("/")); // constants of the builder have a slash
  return new Map(named.map((each) => [each.name, initializerTensor(each)]));
}

function inputFor({ graph }: Model, n: number): AnyTensor {
  const { dtype, shape } = graph.inputs[0]!;
  const full = [n, ...shape!.slice(1).map(Number)];
  const length = sizeOf(full);
  if (dtype === "int64")
    return { dtype, shape: full, data: BigInt64Array.from({ length }, (_, i) => BigInt((i * 3) % 5)) };
  return tensor(
    full,
    Float32Array.from({ length }, (_, i) => Math.sin(12.9898 * (i + 1))),
  );
}

async function run(model: Model, input: AnyTensor) {
  const session = await openSession(model);
  return session.run({ input }).finally(() => session.dispose());
}

function dense(model: Model, name: string, x: readonly number[]): number[] {
  const { data, shape } = weightsOf(model).get(`${name}.weight`)!;
  return Array.from({ length: shape[0]! }, (_, row) =>
    x.reduce((sum, each, column) => sum + each * Number(data[row * x.length + column]), 0),
  );
}

function relu(x: number): number {
  return Math.max(0, x);
}

function variance({ data }: AnyTensor): number {
  return [...data].reduce((sum: number, each) => sum + Number(each) ** 2, 0) / data.length;
}

function expectClose({ data }: AnyTensor, expected: readonly number[]): void {
  expect(data.length).toBe(expected.length);
  for (const [i, each] of expected.entries()) expect(Number(data[i])).toBeCloseTo(each, 5);
}
