import { expect, test } from "vitest";
import { encodeModel } from "../src/encode.ts";
import { attributeOf, float } from "../src/graph-builder.ts";
import { tensorInitializer } from "../src/initializer.ts";
import { inlineFunctions } from "../src/inline-functions.ts";
import type { Attribute, FunctionDefinition, Graph, Model, Node } from "../src/model.ts";
import { parseModel } from "../src/read.ts";
import { runOnce, wave } from "./tiny-model.ts";

const x = wave([2, 3]);

test("nested functions with attributes, defaults, absent inputs and inner graphs compute the same inlined", async () => {
  const model = modelOf(
    [
      node("Scaled", ["x"], ["a"], { domain: "local", attributes: { by: float(3) } }),
      node("Scaled", ["a"], ["b"], { domain: "local" }),
      node("Twice", ["b", ""], ["c", "d"], { domain: "local" }),
      node("Add", ["c", "d"], ["y"]),
    ],
    [scaled, twice],
  );
  const inlined = inlineFunctions(model);
  expect(inlined.functions).toEqual([]);
  expect(inlined.graph.nodes.map(({ op }) => op)).toEqual(expect.arrayContaining(["Mul", "Neg", "If", "Add"]));
  expect(inlined.graph.nodes.every(({ domain }) => domain === "")).toBe(true);
  expect(await runOnce(inlined, { x })).toEqual(await runOnce(model, { x }));
});

test("what was inlined is a model that can be read: one definition for each name, in order", () => {
  const calls = [0, 1, 2].map((index) => node("Twice", ["x"], [`c${index}`, `d${index}`], { domain: "local" }));
  const model = modelOf([...calls, node("Sum", ["c0", "d0", "c1", "d1", "c2", "d2"], ["y"])], [scaled, twice]);
  const inlined = inlineFunctions(model);
  expect(parseModel(encodeModel(inlined)).graph.nodes).toHaveLength(inlined.graph.nodes.length);
});

test("an input handed through and a value under two names are copied", async () => {
  const through = definition("Through", ["x"], ["x", "y", "y"], [node("Neg", ["x"], ["y"])]);
  const model = modelOf(
    [node("Through", ["x"], ["a", "b", "c"], { domain: "local" }), node("Sum", ["a", "b", "c"], ["y"])],
    [through],
  );
  const { y } = await runOnce(inlineFunctions(model), { x });
  expect(y?.data).toEqual(x.data.map((value) => -value)); // x − x − x
});

test("functions are inlined within branches", async () => {
  const branch = (name: string, by: number): Attribute => ({
    type: "graph",
    value: {
      name,
      nodes: [node("Scaled", ["x"], [`${name}/y`], { domain: "local", attributes: { by: float(by) } })],
      inputs: [],
      outputs: [{ name: `${name}/y`, dtype: "float32", shape: undefined, kind: "tensor" }],
      initializers: new Map(),
    },
  });
  const model = modelOf(
    [
      node("ReduceMax", ["x"], ["largest"], { attributes: { keepdims: 0 } }),
      node("Cast", ["largest"], ["condition"], { attributes: { to: 9 } }),
      node("If", ["condition"], ["y"], {
        attributes: { then_branch: branch("then", 5), else_branch: branch("else", 7) },
      }),
    ],
    [scaled],
  );
  expect(await runOnce(inlineFunctions(model), { x })).toEqual(await runOnce(model, { x }));
});

test("a function that calls itself is refused by name", () => {
  const endless = definition("Endless", ["x"], ["y"], [node("Endless", ["x"], ["y"], { domain: "local" })]);
  const model = modelOf([node("Endless", ["x"], ["y"], { domain: "local" })], [endless]);
  expect(() => inlineFunctions(model)).toThrow(
    expect.objectContaining({ code: "MALFORMED_MODEL", message: expect.stringContaining("'Endless'") }),
  );
});

test("functions that double forty times are refused before memory runs out", () => {
  const doubling = Array.from({ length: 40 }, (_, level) =>
    definition(
      `f${level}`,
      ["x"],
      ["y"],
      level === 0
        ? [node("Neg", ["x"], ["y"])]
        : [
            node(`f${level - 1}`, ["x"], ["a"], { domain: "local" }),
            node(`f${level - 1}`, ["a"], ["y"], { domain: "local" }),
          ],
    ),
  );
  const model = modelOf([node("f39", ["x"], ["y"], { domain: "local" })], doubling);
  expect(() => inlineFunctions(model, { nodes: 1000 })).toThrow(expect.objectContaining({ code: "LIMIT_EXCEEDED" }));
});

test("a function for another opset than the model's is refused", () => {
  const older = { ...definition("Older", ["x"], ["y"], [node("Neg", ["x"], ["y"])]), opsets: new Map([["", 17]]) };
  const model = modelOf([node("Older", ["x"], ["y"], { domain: "local" })], [older]);
  expect(() => inlineFunctions(model)).toThrow(expect.objectContaining({ code: "UNSUPPORTED_VERSION" }));
});

/** x · by, where `by` is 2 unless the call says otherwise. */
const scaled: FunctionDefinition = {
  ...definition(
    "Scaled",
    ["x"],
    ["y"],
    [
      node("Constant", [], ["factor"], {
        attributes: { value_float: { type: "reference", value: "by", of: "float" } },
      }),
      node("Mul", ["x", "factor"], ["y"]),
    ],
  ),
  defaults: { by: float(2) },
};

/** [−x/2, x/2]; the branch taken reads a value from around it. */
const twice: FunctionDefinition = definition(
  "Twice",
  ["x", "limit"],
  ["y", "factor"],
  [
    node("Scaled", ["x"], ["factor"], { domain: "local", attributes: { by: float(0.5) } }),
    node("Neg", ["factor"], ["negated"]),
    node("Constant", [], ["always"], { attributes: { value: truth(true) } }),
    node("If", ["always"], ["y"], {
      attributes: {
        then_branch: { type: "graph", value: clipBranch("then") },
        else_branch: { type: "graph", value: clipBranch("else") },
      },
    }),
  ],
);

function clipBranch(name: string): Graph {
  return {
    name,
    nodes: [node("Clip", ["negated", "limit"], ["clipped"])],
    inputs: [],
    outputs: [{ name: "clipped", dtype: "float32", shape: undefined, kind: "tensor" }],
    initializers: new Map(),
  };
}

function truth(value: boolean): Attribute {
  return {
    type: "tensor",
    value: tensorInitializer("", { dtype: "bool", shape: [], data: Uint8Array.of(Number(value)) }),
  };
}

function definition(
  name: string,
  inputs: readonly string[],
  outputs: readonly string[],
  nodes: readonly Node[],
): FunctionDefinition {
  const opsets = new Map([
    ["", 18],
    ["local", 1],
  ]);
  return { name, domain: "local", overload: "", inputs, outputs, attributes: [], defaults: {}, opsets, nodes };
}

function node(
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  {
    domain = "",
    attributes = {},
  }: { domain?: string; attributes?: Readonly<Record<string, Parameters<typeof attributeOf>[0]>> } = {},
): Node {
  const entries = Object.entries(attributes).map(([name, value]) => [name, attributeOf(value)]);
  return { name: `${op}/${outputs[0]}`, op, domain, inputs, outputs, attributes: Object.fromEntries(entries) };
}

function modelOf(nodes: readonly Node[], functions: readonly FunctionDefinition[]): Model {
  return {
    irVersion: 9,
    opsets: new Map([
      ["", 18],
      ["local", 1],
    ]),
    producer: "test",
    metadata: new Map(),
    functions,
    graph: {
      name: "calls",
      nodes,
      inputs: [{ name: "x", dtype: "float32", shape: [2, 3], kind: "tensor" }],
      outputs: [{ name: "y", dtype: "float32", shape: undefined, kind: "tensor" }],
      initializers: new Map(),
    },
  };
}
