import { expect, test } from "vitest";
import type { GraphBuilder } from "../src/graph-builder.ts";
import { exposeLogits } from "../src/logits.ts";
import type { Value } from "../src/value.ts";
import { firstOutput, tinyModel, wave } from "./tiny-model.ts";

const x = wave([5, 4]);
const weights = (columns: number): { dtype: "float32"; shape: readonly number[]; data: Float32Array } =>
  wave([4, columns], 1);

/** x W by hand: the oracle of every cut. */
function linear(columns: number): number[] {
  const w = weights(columns).data;
  return Array.from({ length: 5 * columns }, (_, index) => {
    const [row, column] = [Math.floor(index / columns), index % columns];
    return [0, 1, 2, 3].reduce((sum, k) => sum + x.data[row * 4 + k]! * w[k * columns + column]!, 0);
  });
}

const scores = (graph: GraphBuilder, input: Value, columns: number): Value =>
  graph.MatMul(input, graph.constant(weights(columns)));

function expectClose(actual: readonly number[], expected: readonly number[]): void {
  expect(actual.length).toBe(expected.length);
  for (const [index, number] of expected.entries()) {
    expect(actual[index]).toBeCloseTo(number, 5);
  }
}

test.each([
  ["a bare linear layer", (_graph: GraphBuilder, z: Value) => z, 0],
  ["a Softmax", (graph: GraphBuilder, z: Value) => graph.Softmax(z, -1), 1],
  ["a LogSoftmax", (graph: GraphBuilder, z: Value) => graph.LogSoftmax(z, 1), 1],
  [
    "a Softmax behind a Cast and an Identity",
    (graph: GraphBuilder, z: Value) => graph.op("Identity", [graph.Softmax(z, -1)]),
    1,
  ],
  ["independent Sigmoids", (graph: GraphBuilder, z: Value) => graph.Sigmoid(z), 1],
] as const)("the logits before %s come out as they are", async (_, end, cuts) => {
  const exposed = exposeLogits(tinyModel(["batch", 4], (graph, input) => end(graph, scores(graph, input, 3))));
  expect(exposed.scale).toBe("logits");
  expect(exposed.edits).toHaveLength(cuts);
  expectClose(await firstOutput(exposed.model, { x }), linear(3));
});

test("labels from ArgMax lead back to the scores they were taken from", async () => {
  const model = tinyModel(["batch", 4], (graph, input) =>
    graph.op("ArgMax", [graph.Softmax(scores(graph, input, 3), -1)], {
      dtype: "int64",
      attributes: { axis: 1, keepdims: 0 },
    }),
  );
  const exposed = exposeLogits(model);
  expect(exposed.edits.map((edit) => edit.split(" ")[1])).toEqual(["ArgMax", "Softmax"]);
  expectClose(await firstOutput(exposed.model, { x }), linear(3));
});

test("a map of probabilities from ZipMap leads back to the logits", async () => {
  const model = tinyModel(["batch", 4], (graph, input) => graph.Softmax(scores(graph, input, 3), -1));
  const [probabilities] = model.graph.outputs;
  const zipMap = {
    name: "map",
    op: "ZipMap",
    domain: "ai.onnx.ml",
    inputs: [probabilities!.name],
    outputs: ["maps"],
    attributes: { classlabels_int64s: { type: "ints", value: [0, 1, 2] } },
  } as const;
  const outputs = [{ name: "maps", dtype: "undefined", shape: undefined, kind: "sequence" } as const];
  const exposed = exposeLogits({ ...model, graph: { ...model.graph, nodes: [...model.graph.nodes, zipMap], outputs } });
  expectClose(await firstOutput(exposed.model, { x }), linear(3));
});

const withZero = (z: readonly number[]): number[] => z.flatMap((logit) => [0, logit]);

test.each([
  ["a sigmoid", (graph: GraphBuilder, z: Value) => ({ ...graph.Sigmoid(z), shape: ["batch", 1] })],
  ["a bare logit", (_: GraphBuilder, z: Value) => ({ ...z, shape: ["batch", 1] })],
  [
    "a pair of p and 1 - p",
    (graph: GraphBuilder, z: Value) => {
      const p = graph.Sigmoid(z);
      return graph.Concat([graph.Sub(graph.scalar(1, p), p), p], 1);
    },
  ],
] as const)("a binary classifier that ends in %s becomes [0, z]", async (_, end) => {
  const exposed = exposeLogits(tinyModel(["batch", 4], (graph, input) => end(graph, scores(graph, input, 1))));
  expect(exposed.edits.join()).toContain("[0, z]");
  expectClose(await firstOutput(exposed.model, { x }), withZero(linear(1)));
});

test("probabilities without a Softmax to cut become their logarithms, and the report can say so", async () => {
  const model = tinyModel(["batch", 4], (graph, input) => {
    const p = graph.Softmax(scores(graph, input, 3), -1);
    return graph.Mul(p, graph.scalar(1, p));
  });
  const exposed = exposeLogits(model, { kind: "probabilities" });
  expect(exposed.scale).toBe("log-probabilities");
  const z = linear(3);
  const logSoftmax = z.map((score, index) => {
    const row = z.slice(index - (index % 3), index - (index % 3) + 3);
    return score - Math.log(row.reduce((sum, each) => sum + Math.exp(each), 0));
  });
  expectClose(await firstOutput(exposed.model, { x }), logSoftmax);
});

test("a model that predicts for every place of an input is refused", () => {
  const model = tinyModel(["batch", 5, 4], (graph, input) => ({ ...graph.Neg(input), shape: ["batch", 5, 4] }));
  expect(() => exposeLogits(model)).toThrow("expected one score per class for each sample, [batch, classes]");
});

test("axes of size one behind the classes are dropped", async () => {
  const model = tinyModel(["batch", 4], (graph, input) => ({
    ...graph.Unsqueeze(scores(graph, input, 3), [2, 3]),
    shape: ["batch", 3, 1, 1],
  }));
  expectClose(await firstOutput(exposeLogits(model).model, { x }), linear(3));
});
