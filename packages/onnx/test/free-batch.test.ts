import { expect, test } from "vitest";
import { freeBatch } from "../src/free-batch.ts";
import { firstOutput, tinyModel, wave } from "./tiny-model.ts";

test("a batch of one that a Reshape baked in is freed", async () => {
  const model = tinyModel([1, 2, 3], (graph, x) =>
    graph.MatMul(graph.Reshape(x, graph.ints([1, 6])), graph.constant(wave([6, 4], 1))),
  );
  const freed = await freeBatch(model);
  const [one, two] = [wave([1, 2, 3]), wave([1, 2, 3], 5)];
  const both = { ...one, shape: [2, 2, 3], data: Float32Array.of(...one.data, ...two.data) };
  expect(await firstOutput(freed!, { x: both })).toEqual([
    ...(await firstOutput(model, { x: one })),
    ...(await firstOutput(model, { x: two })),
  ]);
});

test("a graph that mixes the samples of a batch is left alone", async () => {
  const model = tinyModel([1, 6], (graph, x) => graph.Mul(x, graph.ReduceSum(x, [0])));
  expect(await freeBatch(model)).toBeUndefined();
});

test("a batch that is free already needs no copy", async () => {
  expect(await freeBatch(tinyModel(["batch", 6], (graph, x) => graph.Neg(x)))).toBeUndefined();
});
