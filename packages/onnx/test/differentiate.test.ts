import { expect, test } from "vitest";
import { differentiate, type LossSubgraph } from "../src/differentiate.ts";
import { runOnce, tinyModel, wave } from "./tiny-model.ts";

const sumOfScores: LossSubgraph = (graph, logits) => graph.ReduceSum(logits, [1], 0);

test("an operator without a rule is refused by name and place", async () => {
  const model = tinyModel(["batch", 3], (graph, x) => graph.op("Bernoulli", [x]));
  await expect(differentiate(model, { wrt: ["x"], loss: sumOfScores })).rejects.toMatchObject({
    name: "OnnxError",
    code: "UNSUPPORTED_OPERATOR",
    message: expect.stringContaining("Bernoulli 'v/Bernoulli_0'"),
  });
});

test("a value that the graph does not have is refused", async () => {
  const model = tinyModel(["batch", 3], (graph, x) => graph.Neg(x));
  await expect(differentiate(model, { wrt: ["y"], loss: sumOfScores })).rejects.toThrow("got 'y'");
});

test("an input that the loss does not depend on gets zeros", async () => {
  const model = tinyModel(["batch", 3], (graph, x) => {
    graph.input("other", "float32", ["batch", 2]);
    return graph.Neg(x);
  });
  const derived = await differentiate(model, { wrt: ["x", "other"], loss: sumOfScores });
  const results = await runOnce(derived, { x: wave([4, 3]), other: wave([4, 2]) });
  expect(Array.from(results["gradient/x"]!.data as Float32Array)).toEqual(Array(12).fill(-1));
  expect(Array.from(results["gradient/other"]!.data as Float32Array)).toEqual(Array(8).fill(0));
});

test("logits keep their name, and loss and gradients have theirs", async () => {
  const model = tinyModel(["batch", 3], (graph, x) => graph.Mul(x, x));
  const derived = await differentiate(model, { wrt: ["x"], loss: sumOfScores });
  const x = wave([5, 3]);
  const results = await runOnce(derived, { x });
  expect(Object.keys(results)).toEqual([model.graph.outputs[0]!.name, "loss", "gradient/x"]);
  expect(results.loss!.shape).toEqual([5]);
  const gradient = results["gradient/x"]!.data as Float32Array;
  for (const [index, number] of x.data.entries()) {
    expect(gradient[index]).toBeCloseTo(2 * number, 6); // d x² = 2 x
  }
});

test("a name that the model uses already does not clash with the names of the derived graph", async () => {
  const model = tinyModel(["batch", 3], (graph, x) => graph.Mul(graph.Neg(x), x));
  const node = { ...model.graph.nodes[0]!, outputs: ["backward/Mul_0"] };
  const user = { ...model.graph.nodes[1]!, inputs: ["backward/Mul_0", "x"] };
  const clashing = { ...model, graph: { ...model.graph, nodes: [node, user] } };
  const derived = await differentiate(clashing, { wrt: ["x"], loss: sumOfScores });
  const x = wave([2, 3]);
  const gradient = (await runOnce(derived, { x }))["gradient/x"]!.data as Float32Array;
  for (const [index, number] of x.data.entries()) {
    expect(gradient[index]).toBeCloseTo(-2 * number, 6);
  }
});
