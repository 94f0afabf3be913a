import type { Tensor } from "@casemate/tensor";
import { expect, onTestFinished, test } from "vitest";
import { GraphBuilder, type Model, openSession, type Value } from "../../src/index.ts";
import { blockConvolutions } from "../../src/training/block-convolutions.ts";
import { channelBlock } from "../../src/training/channel-block.ts";
import { wave } from "../tiny-model.ts";

const inputs = {
  x: wave([2, 32, 7, 6]),
  weight: wave([16, 32, 3, 2], 2),
  bias: wave([16], 3),
  dy: wave([2, 16, 7, 6], 4),
};
type Inputs = Readonly<Record<keyof typeof inputs, Value>>;

function modelOf(build: (graph: GraphBuilder, inputs: Inputs) => Value): Model {
  const graph = new GraphBuilder("v/");
  const given = Object.fromEntries(
    Object.entries(inputs).map(([name, { shape }]) => [name, graph.input(name, "float32", shape)]),
  ) as Inputs;
  const output = build(graph, given);
  return {
    irVersion: 10,
    opsets: new Map([["", 20]]),
    producer: "test",
    metadata: new Map(),
    functions: [],
    graph: {
      name: "convolutions",
      nodes: graph.nodes,
      inputs: graph.inputs,
      outputs: [{ name: output.name, dtype: "float32", shape: undefined, kind: "tensor" }],
      initializers: graph.initializers,
    },
  };
}

async function resultOf(model: Model): Promise<Tensor> {
  const session = await openSession(model, { threads: 1 });
  onTestFinished(() => session.dispose());
  return (await session.run(inputs))[model.graph.outputs[0]!.name] as Tensor;
}

const turned = (graph: GraphBuilder, weight: Value): Value => {
  const swapped = graph.Transpose(weight, [1, 0, 2, 3]);
  return graph.Slice(swapped, [-1, -1], [Number.MIN_SAFE_INTEGER, Number.MIN_SAFE_INTEGER], [2, 3], [-1, -1]);
};

// Where the runtime has the blocked layout, and that is wherever it runs on this processor family.
test.runIf(process.arch === "x64").each<[string, (graph: GraphBuilder, inputs: Inputs) => Value]>([
  ["with a bias", (graph, { x, weight, bias }) => graph.op("Conv", [x, weight, bias])],
  [
    "with strides and uneven pads",
    (graph, { x, weight }) => graph.op("Conv", [x, weight], { attributes: { strides: [2, 1], pads: [0, 1, 2, 0] } }),
  ],
  ["with dilations", (graph, { x, weight }) => graph.op("Conv", [x, weight], { attributes: { dilations: [2, 3] } })],
  [
    "by the weight turned round",
    (graph, { dy, weight }) =>
      graph.op("Conv", [dy, turned(graph, weight)], { attributes: { kernel_shape: [3, 2], pads: [1, 1, 1, 0] } }),
  ],
])("a convolution %s gives in the blocked layout what it gives in the plain one", async (_, build) => {
  const model = modelOf(build);
  const blocked = blockConvolutions(model, (await channelBlock())!);
  expect(blocked.graph.nodes.filter(({ op, domain }) => op === "Conv" && domain !== "")).toHaveLength(1);
  const [plain, found] = [await resultOf(model), await resultOf(blocked)];
  expect(found.shape).toEqual(plain.shape);
  for (const [i, each] of plain.data.entries()) expect(found.data[i]).toBeCloseTo(each, 4);
});

test.each<[string, (graph: GraphBuilder, inputs: Inputs) => Value]>([
  ["by a constant", (graph, { x }) => graph.op("Conv", [x, graph.constant(inputs.weight)])],
  [
    "in groups",
    (graph, { dy, weight }) =>
      graph.op("Conv", [graph.Concat([dy, dy, dy, dy], 1), weight], { attributes: { group: 2 } }),
  ],
  [
    "padded by name",
    (graph, { x, weight }) => graph.op("Conv", [x, weight], { attributes: { auto_pad: "SAME_UPPER" } }),
  ],
  ["by a part of a weight", (graph, { x, weight }) => graph.op("Conv", [x, graph.Slice(weight, [0], [8], [0])])],
])("a convolution %s stays as it is", (_, build) => {
  const model = modelOf(build);
  expect(blockConvolutions(model, 16)).toBe(model);
});

test("a convolution of other channels than whole blocks stays as it is", () => {
  const model = modelOf((graph, { x, weight }) => graph.op("Conv", [x, weight]));
  expect(blockConvolutions(model, 12)).toBe(model);
  expect(blockConvolutions(model, 8)).not.toBe(model);
});
