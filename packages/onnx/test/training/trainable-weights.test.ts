import { type Tensor, tensor } from "@casemate/tensor";
import { expect, test } from "vitest";
import {
  GraphBuilder,
  type LossSubgraph,
  type Model,
  openTrainer,
  trainableWeights,
  type Value,
} from "../../src/index.ts";

const filled = (shape: readonly number[], value: number): Tensor =>
  tensor(shape, new Float32Array(shape.reduce((product, each) => product * each, 1)).fill(value));

/** Of each row's scores. */
const sumOfSquares: LossSubgraph = (graph, logits) => {
  const squares = graph.Mul(logits, logits);
  return graph.op("ReduceSum", [squares, graph.ints([1])], { attributes: { keepdims: 0 } });
};

/** A model of x [batch, 2, 2, 2] or of another shape, and the names of its constants in the order in which they were made. */
function modelOf(
  build: (graph: GraphBuilder, x: Value, constant: (shape: readonly number[], value?: number) => Value) => Value,
  shape: readonly number[] = [2, 2, 2],
): { readonly model: Model; readonly names: readonly string[] } {
  const graph = new GraphBuilder("t/");
  const x = graph.input("x", "float32", ["batch", ...shape]);
  const names: string[] = [];
  const constant = (sizes: readonly number[], value = 0.5) => {
    const made = graph.constant(filled(sizes, value));
    names.push(made.name);
    return made;
  };
  const y = build(graph, { ...x, shape: undefined }, constant);
  const model: Model = {
    irVersion: 9,
    opsets: new Map([["", 20]]),
    producer: "test",
    metadata: new Map(),
    functions: [],
    graph: {
      name: "g",
      nodes: graph.nodes,
      inputs: graph.inputs,
      outputs: [{ name: y.name, dtype: "float32", shape: ["batch", 2], kind: "tensor" }],
      initializers: graph.initializers,
    },
  };
  return { model, names };
}

test("what normalises samples before the first layer is not trained, biases and written-out scales behind it are", () => {
  const { model, names } = modelOf((graph, x, constant) => {
    const centered = graph.Sub(x, constant([1, 2, 1, 1]));
    const scaled = graph.Mul(centered, constant([1, 2, 1, 1]));
    const flat = graph.Reshape(graph.Add(scaled, constant([2, 2, 2])), graph.ints([0, 8]));
    const layer = graph.Add(graph.MatMul(flat, constant([8, 2])), constant([2], 0.1));
    return graph.Mul(layer, constant([2], 0.2));
  });
  const [, , , weight, bias, scale] = names;
  expect(trainableWeights(model.graph)).toEqual([weight, bias, scale]);
});

test("a name that is asked for is trained wherever it stands", () => {
  const { model, names } = modelOf(
    (graph, x, constant) => graph.MatMul(graph.Sub(x, constant([2])), constant([2, 2])),
    [2],
  );
  expect(trainableWeights(model.graph, [names[0]!])).toEqual([names[0]]);
});

test("a weight that two layers share moves by the sum of their gradients", async () => {
  // y = x·W·W with W = 0.5 everywhere, and the same network with two weights that differ by less than matters
  const build = (isShared: boolean) =>
    modelOf(
      (graph, x, constant) => {
        const first = constant([2, 2]);
        return graph.MatMul(graph.MatMul(x, first), isShared ? first : constant([2, 2], 0.5000001));
      },
      [2],
    );
  const gradients = async ({ model }: ReturnType<typeof build>) => {
    const trainer = await openTrainer(model, { loss: sumOfSquares, optimizer: { type: "sgd" } });
    const found = await trainer.gradients({ x: tensor([2, 2], Float32Array.of(1, 2, 3, 5)) });
    await trainer.dispose();
    return [...found.values()].map(({ data }) => [...data]);
  };
  const [together] = await gradients(build(true));
  const [one, two] = await gradients(build(false));
  for (const [index, each] of together!.entries()) expect(each).toBeCloseTo(one![index]! + two![index]!, 3);
});

test("batch normalisation of one value per channel is refused, and nothing is changed", async () => {
  const { model, names } = modelOf(
    (graph, x, constant) => {
      const parts = [constant([2], 1), constant([2], 0), constant([2], 0), constant([2], 1)];
      return graph.op("BatchNormalization", [graph.MatMul(x, constant([2, 2])), ...parts]);
    },
    [2],
  );
  const trainer = await openTrainer(model, { loss: sumOfSquares, optimizer: { type: "sgd" } });
  const variance = names[3]!;
  const before = [...(trainer.state.get(variance) as Tensor).data];
  const one = { x: tensor([1, 2], Float32Array.of(1, 2)) };
  await expect(trainer.step(one, 0.1)).rejects.toThrow(
    /running average .*: expected more than one finite value per channel/,
  );
  expect([...(trainer.state.get(variance) as Tensor).data]).toEqual(before);
  await trainer.dispose();
});
