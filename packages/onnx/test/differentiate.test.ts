import { expect, test } from "vitest";
import { differentiate, type LossSubgraph } from "../src/differentiate.ts";
import type { Graph, Model } from "../src/model.ts";
import { runOnce, tinyModel, wave } from "./tiny-model.ts";

const sumOfScores: LossSubgraph = (graph, logits) => graph.ReduceSum(logits, [1], 0);

test("an operator without a rule is refused by name and place", async () => {
  const model = tinyModel(["batch", 3], (graph, x) => graph.op("Det", [x]));
  await expect(differentiate(model, { wrt: ["x"], loss: sumOfScores })).rejects.toMatchObject({
    name: "OnnxError",
    code: "UNSUPPORTED_OPERATOR",
    message: expect.stringContaining("Det 'v/Det_0'"),
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

/** If(Shape(x)[1] == 1) squeeze, else hand on: what TorchScript writes for `squeeze(1)`. */
function squeezed(condition: "shape" | "data"): Model {
  return tinyModel(["batch", 1, 3], (graph, x) => {
    const size = condition === "shape" ? graph.Slice(graph.op("Shape", [x], { dtype: "int64" }), [1], [2], [0]) : x;
    const question =
      condition === "shape"
        ? graph.Equal(size, graph.ints([1]))
        : graph.Greater(graph.ReduceSum(x, [0, 1, 2]), graph.scalar(0, x));
    const branch = (op: string, inputs: string[]): Graph => ({
      name: op,
      nodes: [{ name: op, op, domain: "", inputs, outputs: [`${op}/y`], attributes: {} }],
      inputs: [],
      outputs: [{ name: `${op}/y`, dtype: "float32", shape: undefined, kind: "tensor" }],
      initializers: new Map(),
    });
    const one = graph.ints([1]);
    const chosen = graph.op("If", [question], {
      dtype: "float32",
      attributes: {
        then_branch: { type: "graph", value: branch("Squeeze", [x.name, one.name]) },
        else_branch: { type: "graph", value: branch("Identity", [x.name]) },
      },
    });
    return graph.Mul(chosen, chosen);
  });
}

test("a branch that shapes decide is taken for good", async () => {
  const derived = await differentiate(squeezed("shape"), { wrt: ["x"], loss: sumOfScores });
  const x = wave([4, 1, 3]);
  const gradient = (await runOnce(derived, { x }))["gradient/x"]!;
  expect(gradient.shape).toEqual([4, 1, 3]);
  expect(gradient.data).toEqual(x.data.map((number) => 2 * number));
});

test("a branch that data decide is refused by name, though x reaches it only from inside", async () => {
  await expect(differentiate(squeezed("data"), { wrt: ["x"], loss: sumOfScores })).rejects.toThrow("without: If 'v/If");
});
