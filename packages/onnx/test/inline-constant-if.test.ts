import { expect, test } from "vitest";
import { encodeModel } from "../src/encode.ts";
import { tensorInitializer } from "../src/initializer.ts";
import { inlineConstantIf } from "../src/inline-constant-if.ts";
import type { Graph, Initializer, Model, Node } from "../src/model.ts";
import { parseModel } from "../src/read.ts";
import { runOnce, wave } from "./tiny-model.ts";

const x = wave([2, 3]);

test.each([true, false])(
  "the branch that a constant condition of %s takes computes the same inlined",
  async (condition) => {
    const model = modelOf([ifNode("condition", ["y", "z"])], [truth("condition", condition)]);
    const inlined = inlineConstantIf(model);
    expect(inlined.graph.nodes.map(({ op }) => op)).not.toContain("If");
    expect(await runOnce(inlined, { x })).toEqual(await runOnce(model, { x }));
  },
);

test("an If inside a branch, on a Constant node, is inlined too", async () => {
  const inner: Node = {
    ...ifNode("always", ["u", "w"]),
    attributes: { then_branch: branchOf("inner", "Exp"), else_branch: branchOf("other", "Neg") },
  };
  const always: Node = {
    name: "always",
    op: "Constant",
    domain: "",
    inputs: [],
    outputs: ["always"],
    attributes: { value: { type: "tensor", value: truth("", true) } },
  };
  const outer: Graph = {
    name: "outer",
    nodes: [always, inner],
    inputs: [],
    outputs: [value("u"), value("w")],
    initializers: new Map(),
  };
  const node = ifNode("condition", ["y", "z"]);
  const model = modelOf(
    [{ ...node, attributes: { ...node.attributes, then_branch: { type: "graph", value: outer } } }],
    [truth("condition", true)],
  );
  const inlined = inlineConstantIf(model);
  expect(inlined.graph.nodes.map(({ op }) => op)).toEqual(["Constant", "Exp", "Identity"]);
  expect(parseModel(encodeModel(inlined)).graph.nodes).toHaveLength(3);
  expect(await runOnce(inlined, { x })).toEqual(await runOnce(model, { x }));
});

test("an If whose condition is computed stays", () => {
  const cast: Node = {
    name: "cast",
    op: "Cast",
    domain: "",
    inputs: ["n"],
    outputs: ["condition"],
    attributes: { to: { type: "int", value: 9 } },
  };
  const n = tensorInitializer("n", { dtype: "float32", shape: [], data: Float32Array.of(1) });
  const model = modelOf([cast, ifNode("condition", ["y", "z"])], [n]);
  expect(inlineConstantIf(model).graph.nodes.map(({ op }) => op)).toEqual(["Cast", "If"]);
});

/** Outputs a value computed in the branch from x, and a constant of the branch; both branches use the same names. */
function ifNode(condition: string, outputs: readonly string[]): Node {
  const attributes = { then_branch: branchOf("then", "Neg"), else_branch: branchOf("else", "Abs") };
  return { name: "if", op: "If", domain: "", inputs: [condition], outputs, attributes };
}

function branchOf(name: string, op: string) {
  const graph: Graph = {
    name,
    nodes: [{ name: op, op, domain: "", inputs: ["x"], outputs: [`${name}/r`], attributes: {} }],
    inputs: [],
    outputs: [value(`${name}/r`), value(`${name}/c`)],
    initializers: new Map([[`${name}/c`, tensorInitializer(`${name}/c`, wave([2], name.length))]]),
  };
  return { type: "graph", value: graph } as const;
}

function truth(name: string, isTrue: boolean): Initializer {
  return tensorInitializer(name, { dtype: "bool", shape: [], data: Uint8Array.of(Number(isTrue)) });
}

function value(name: string) {
  return { name, dtype: "float32", shape: undefined, kind: "tensor" } as const;
}

function modelOf(nodes: readonly Node[], initializers: readonly Initializer[]): Model {
  return {
    irVersion: 9,
    opsets: new Map([["", 18]]),
    producer: "test",
    metadata: new Map(),
    functions: [],
    graph: {
      name: "branches",
      nodes,
      inputs: [{ ...value("x"), shape: [2, 3] }],
      outputs: [value("y"), value("z")],
      initializers: new Map(initializers.map((each) => [each.name, each])),
    },
  };
}
