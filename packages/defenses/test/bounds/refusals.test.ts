import { fileURLToPath } from "node:url";
import { GraphBuilder, type Model, readModel } from "@casemate/onnx";
import { expect, test } from "vitest";
import { openVerifier } from "../../src/index.ts";

const options = { method: "crown", bounds: { lower: 0, upper: 1 }, threads: 1 } as const;

/** Logits that are one half of the input. */
function halfOf(): Model {
  const graph = new GraphBuilder("r/");
  const x = graph.input("x", "float32", ["batch", 4]);
  const [axis, count] = [1, 2].map((value) => ({ type: "int", value }) as const);
  const split = { name: "halves", op: "Split", domain: "", inputs: [x.name], outputs: ["first", "y"] };
  return {
    ...{ irVersion: 9, opsets: new Map([["", 20]]), producer: "test", metadata: new Map(), functions: [] },
    graph: {
      ...{ name: "half", inputs: graph.inputs, initializers: graph.initializers },
      nodes: [{ ...split, attributes: { axis: axis!, num_outputs: count! } }],
      outputs: [{ name: "y", dtype: "float32", shape: ["batch", 2], kind: "tensor" }],
    },
  };
}

test("a forest is refused by the name of its operator, though the logits are its second result", async () => {
  const path = fileURLToPath(new URL("../../../../examples/loans/loans-forest.onnx", import.meta.url));
  await expect(openVerifier(await readModel(path), options)).rejects.toThrow(
    /got 1 that cannot: TreeEnsembleClassifier/,
  );
});

test("an operator with several results is refused by its name", async () => {
  await expect(openVerifier(halfOf(), options)).rejects.toThrow(/got 1 that cannot: Split 'halves'/);
});
