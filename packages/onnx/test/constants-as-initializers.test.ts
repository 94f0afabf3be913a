import { tensor } from "@casemate/tensor";
import { expect, test } from "vitest";
import { constantsAsInitializers, type Model, type Node, openSession } from "../src/index.ts";
import { readVectorModel } from "./network-vectors.ts";

/** The same model with every initializer written as a node. */
function written(model: Model): Model {
  const nodes = [...model.graph.initializers.values()].map(
    (value): Node => ({
      ...{ name: "", op: "Constant", domain: "", inputs: [], outputs: [value.name] },
      attributes: { value: { type: "tensor", value: { ...value, name: "" } } },
    }),
  );
  return { ...model, graph: { ...model.graph, nodes: [...nodes, ...model.graph.nodes], initializers: new Map() } };
}

test("float32 nodes become initializers of their names, and the model computes the same", async () => {
  const model = await readVectorModel("training/sgd-start");
  const found = constantsAsInitializers(written(model));
  const floats = [...model.graph.initializers].filter(([, { dtype }]) => dtype === "float32");
  expect(floats.length).toBeGreaterThan(3);
  expect(found.graph.initializers).toEqual(new Map(floats));
  expect(found.graph.nodes.filter(({ op }) => op === "Constant")).toHaveLength(
    model.graph.initializers.size - floats.length,
  );
  const x = tensor(
    [2, 1, 28, 28],
    Float32Array.from({ length: 1568 }, (_, i) => Math.sin(i)),
  );
  const outputs = await Promise.all(
    [model, found].map(async (each) => {
      const session = await openSession(each, { threads: 1 });
      const results = await session.run({ input: x });
      await session.dispose();
      return Object.values(results).map(({ data }) => data);
    }),
  );
  expect(outputs[1]).toEqual(outputs[0]);
});

test("a model without such nodes is the very model, and a constant that is an output stays a node", async () => {
  const model = await readVectorModel("training/sgd-start");
  expect(constantsAsInitializers(model)).toBe(model);
  const [first] = model.graph.initializers.values();
  const shown = written(model);
  const outputs = [{ name: first!.name, dtype: "float32", shape: first!.shape, kind: "tensor" }] as const;
  const kept = constantsAsInitializers({ ...shown, graph: { ...shown.graph, outputs } });
  expect(kept.graph.initializers.has(first!.name)).toBe(false);
  expect(kept.graph.nodes.some(({ outputs: [name] }) => name === first!.name)).toBe(true);
});

test("a file of an old version gets the one that initializers without inputs need", async () => {
  const model = await readVectorModel("training/sgd-start");
  expect(constantsAsInitializers({ ...written(model), irVersion: 3 }).irVersion).toBe(4);
});
