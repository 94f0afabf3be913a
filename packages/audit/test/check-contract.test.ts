import { describe, expect, test } from "vitest";
import { checkContract } from "../src/check-contract.ts";
import type { Contract, ContractInput, ContractOutput } from "../src/schemas/contract.ts";
import { constant, digitModel, model, node, value } from "./tiny-model.ts";

const classes = Array.from({ length: 10 }, (_, i) => String(i));
const input: ContractInput = {
  name: "x",
  dtype: "float32",
  shape: [null, 1, 28, 28],
  kind: "image",
  layout: "NCHW",
  range: { lower: 0, upper: 1 },
};
const output: ContractOutput = { name: "y", kind: "logits", classes };

describe("checkContract", () => {
  test.each([
    ["logits", "logits", undefined],
    ["probabilities behind a Softmax", "probabilities", "Softmax"],
    ["log-probabilities as logits", "logits", "LogSoftmax"],
    ["labels behind an ArgMax", "labels", "ArgMax"],
    ["probabilities whose Softmax is somewhere else", "probabilities", undefined],
  ] as const)("agrees with %s", (_, kind, end) => {
    expect(() => checkContract(contract({ output: { ...output, kind } }), digitModel(end))).not.toThrow();
  });

  test("takes a batch that the contract leaves free and the model fixes", () => {
    const fixed = model(
      [value("x", "float32", [1, 1, 28, 28])],
      [node("Flatten", ["x"], ["y"])],
      [value("y", "float32", [1, 784])],
    );
    const wide = { ...output, classes: Array.from({ length: 784 }, (_, i) => String(i)) };
    expect(() => checkContract(contract({ output: wide }), fixed)).not.toThrow();
  });

  test.each([
    [
      "an input that is not there",
      { inputs: [{ ...input, name: "image" }] },
      "input 'image' is not in the model, which has 'x'",
    ],
    [
      "another element type",
      { inputs: [{ ...input, dtype: "uint8" }] },
      "input 'x': expected float32, contract says uint8",
    ],
    [
      "another rank",
      { inputs: [{ ...input, shape: [null, 784], kind: "tabular" as const, layout: undefined }] },
      "expected shape [batch, 1, 28, 28], contract says [free, 784]",
    ],
    ["another size", { inputs: [{ ...input, shape: [null, 3, 28, 28] }] }, "contract says [free, 3, 28, 28]"],
    [
      "an output that is not there",
      { output: { ...output, name: "logits" } },
      "output 'logits' is not in the model, which has 'y'",
    ],
    [
      "too few classes",
      { output: { ...output, classes: ["a", "b"] } },
      "contract says logits of 2 classes, but there are 10 numbers",
    ],
    [
      "a single logit",
      { output: { ...output, kind: "logit" as const, classes: ["a", "b"] } },
      "contract says logit of 2 classes, but there are 10 numbers",
    ],
    ["labels", { output: { ...output, kind: "labels" as const } }, "contract says labels, but there are 10 numbers"],
  ])("refuses %s", (_, change, words) => {
    expect(() => checkContract(contract(change), digitModel())).toThrow(
      expect.objectContaining({ code: "CONTRACT_MISMATCH", message: expect.stringContaining(words) }),
    );
  });

  test.each([
    ["Softmax", "logits", "ends in Softmax, which gives probabilities"],
    ["Sigmoid", "logits", "ends in Sigmoid, which gives probabilities"],
    ["ArgMax", "logits", "ends in ArgMax, which gives labels"],
  ] as const)("a graph that ends in %s does not give %s", (end, kind, words) => {
    expect(() => checkContract(contract({ output: { ...output, kind } }), digitModel(end))).toThrow(words);
  });

  test("every input of the model is to be described", () => {
    const two = model(
      [value("x", "float32", ["batch", 1, 28, 28]), value("mask", "float32", ["batch", 1])],
      [node("Flatten", ["x"], ["y"])],
      [value("y", "float32", ["batch", "classes"])],
    );
    expect(() => checkContract(contract({}), two)).toThrow("the model's input 'mask' is not described");
  });

  test("initializers that old files list among the inputs are not inputs", () => {
    const old = digitModel();
    const listed = { ...old, graph: { ...old.graph, inputs: [...old.graph.inputs, value("w", "float32", [10, 784])] } };
    expect(() => checkContract(contract({}), listed)).not.toThrow();
  });

  test("the weights tell the number of classes where the output does not", () => {
    const open = model(
      [value("x", "float32", ["batch", 4])],
      [node("MatMul", ["x", "w"], ["product"]), node("Add", ["product", "b"], ["y"])],
      [value("y", "float32", ["batch", "classes"])],
      [constant("w", [4, 3]), constant("b", [3])],
    );
    const four: ContractInput = {
      name: "x",
      dtype: "float32",
      shape: [null, 4],
      kind: "tabular",
      range: { lower: 0, upper: 1 },
    };
    expect(() => checkContract(contract({ inputs: [four] }), open)).toThrow("there are 3 numbers");
  });
});

function contract(change: Partial<Contract>): Contract {
  return { task: "classification", inputs: [input], output, ...change };
}
