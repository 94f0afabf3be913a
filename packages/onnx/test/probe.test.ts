import { expect, test } from "vitest";
import { probe } from "../src/probe.ts";
import { probeRuns } from "../src/probe-runs.ts";
import { tinyModel, wave } from "./tiny-model.ts";

test("an axis that is free is told from one that is fixed, and equal free axes look equal", async () => {
  const model = tinyModel(["batch", "time", 4], (graph, x) => graph.Transpose(graph.Neg(x), [1, 0, 2]));
  const seen = await probe(model, await probeRuns(model));
  const x = seen.value("x").shape!;
  expect(x[2]).toBe(4);
  expect(x.slice(0, 2).every((extent) => typeof extent === "string")).toBe(true);
  expect(x[0]).not.toBe(x[1]);
  expect(seen.value(model.graph.outputs[0]!.name).shape).toEqual([x[1], x[0], 4]);
});

test("what follows from shapes alone is known, what depends on a free axis or on data is not", async () => {
  const model = tinyModel(["batch", 3, 4], (graph, x) => {
    const shape = graph.op("Shape", [x], { dtype: "int64" });
    const columns = graph.Slice(shape, [2], [3], [0]);
    const rows = graph.Slice(shape, [0], [1], [0]);
    return [graph.Mul(columns, columns), graph.Mul(rows, rows), graph.Cast(x, "int64")];
  });
  const seen = await probe(model, await probeRuns(model));
  const [known, varying, data] = model.graph.outputs.map((output) => seen.constant(output.name));
  expect(known?.data).toEqual(BigInt64Array.of(16n));
  expect(varying).toBeUndefined();
  expect(data).toBeUndefined();
});

test("an axis declared free that the graph fixes is found out", async () => {
  const model = tinyModel(["batch", "width"], (graph, x) => graph.MatMul(x, graph.constant(wave([7, 2]))));
  const seen = await probe(model, await probeRuns(model));
  expect(seen.value("x").shape![1]).toBe(7);
});

test("a sample says sizes that cannot be guessed", async () => {
  const model = tinyModel(["batch", "width"], (graph, x) => graph.MatMul(x, graph.constant(wave([11, 2]))));
  await expect(probeRuns(model)).rejects.toMatchObject({ code: "SHAPE_MISMATCH" });
  const seen = await probe(model, await probeRuns(model, { x: wave([1, 11]) }));
  expect(seen.value("x").shape![1]).toBe(11);
});
