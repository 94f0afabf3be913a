import { tensor } from "@casemate/tensor";
import { describe, expect, test } from "vitest";
import { checkContract } from "../src/check-contract.ts";
import { parseContract } from "../src/contract.ts";
import { type ContractSample, draftContract } from "../src/draft-contract.ts";
import { constant, digitModel, model, node, value } from "./tiny-model.ts";

const digits = sampleOf([2, 1, 28, 28], { labels: Int32Array.of(3, 9) });

describe("a draft", () => {
  const iris = model(
    [value("float_input", "float32", [undefined, 4])],
    [
      node("Softmax", ["float_input"], ["p"]),
      node("ArgMax", ["p"], ["label"]),
      node("ZipMap", ["p"], ["output_probability"], {
        classlabels_strings: { type: "strings", value: ["setosa", "versicolor", "virginica"] },
      }),
    ],
    [value("label", "int64", [undefined]), value("output_probability", "undefined", undefined, "sequence")],
  );
  const flowers = sampleOf([2, 4], {
    featureNames: ["sepal length", "sepal width", "petal length", "petal width"],
    x: tensor([2, 4], Float32Array.of(4, 4, 1, 0.5, 8, 2, 7, 0.5)),
    range: { lower: 0.5, upper: 8 },
  });
  const binary = (end?: "Sigmoid") =>
    model(
      [value("x", "float32", ["batch", 4])],
      [node("Gemm", ["x", "w"], [end ? "z" : "y"]), ...(end ? [node(end, ["z"], ["y"])] : [])],
      [value("y", "float32", ["batch", 1])],
      [constant("w", [4, 1])],
    );

  test.each([
    ["pictures and logits", digitModel(), digits, "image", "logits", 10],
    ["pictures without a sample", digitModel(), undefined, "image", "logits", 10],
    ["a Softmax", digitModel("Softmax"), digits, "image", "probabilities", 10],
    ["a LogSoftmax", digitModel("LogSoftmax"), digits, "image", "logits", 10],
    ["an ArgMax", digitModel("ArgMax"), digits, "image", "labels", 10],
    ["a table behind a ZipMap", iris, flowers, "tabular", "probabilities", 3],
    ["one logit", binary(), sampleOf([2, 4]), "tabular", "logit", 2],
    ["one probability", binary("Sigmoid"), sampleOf([2, 4]), "tabular", "probability", 2],
  ] as const)(
    "of %s meets the schema and the model, and says how it knows",
    (_, subject, sample, kind, outputKind, classes) => {
      const { contract, inferred } = draftContract(subject, sample);
      expect(parseContract(JSON.parse(JSON.stringify(contract)), "draft")).toEqual(contract);
      expect(() => checkContract(contract, subject)).not.toThrow();
      expect([contract.inputs[0]!.kind, contract.output.kind, contract.output.classes.length]).toEqual([
        kind,
        outputKind,
        classes,
      ]);
      for (const guess of [`taken as ${kind}`, "range ", `taken as ${outputKind}`]) {
        expect(
          inferred.some((sentence) => sentence.includes(guess)),
          `${guess} in ${inferred.join("\n")}`,
        ).toBe(true);
      }
    },
  );

  test("takes names and ranges from what carries them", () => {
    const { contract } = draftContract(iris, flowers);
    expect(contract).toEqual({
      task: "classification",
      inputs: [
        {
          name: "float_input",
          dtype: "float32",
          shape: [null, 4],
          kind: "tabular",
          range: { lower: 0.5, upper: 8 },
          features: [
            { name: "sepal length", range: { lower: 4, upper: 8 } },
            { name: "sepal width", range: { lower: 2, upper: 4 } },
            { name: "petal length", range: { lower: 1, upper: 7 } },
            { name: "petal width", mutable: false, range: { lower: 0, upper: 1 } },
          ],
        },
      ],
      output: { name: "output_probability", kind: "probabilities", classes: ["setosa", "versicolor", "virginica"] },
    });
  });

  test.each([
    ["8-bit numbers", "uint8", "float32", 0, 253, { lower: 0, upper: 1 }],
    ["8-bit numbers for a model of 8 bits", "uint8", "uint8", 0, 253, { lower: 0, upper: 255 }],
    ["numbers within 0 and 1", "float32", "float32", 0.02, 0.97, { lower: 0, upper: 1 }],
    ["normalised numbers", "float32", "float32", -2.1, 2.6, { lower: -2.1, upper: 2.6 }],
  ] as const)("of pictures of %s has the range that they mean", (_, sourceDtype, dtype, lower, upper, range) => {
    const pictures = model(
      [value("x", dtype, ["batch", 3, 8, 8])],
      [node("Flatten", ["x"], ["y"])],
      [value("y", "float32", ["batch", 192])],
    );
    const { contract } = draftContract(pictures, sampleOf([2, 3, 8, 8], { range: { lower, upper }, sourceDtype }));
    expect(contract.inputs[0]!.range).toEqual(range);
  });

  test("takes columns for whole numbers that hold nothing else in 20 samples or more", () => {
    const column = (rows: number) => Float32Array.from({ length: 4 * rows }, (_, i) => (i % 4 === 3 ? i / 8 : i));
    const drafted = (rows: number) =>
      draftContract(iris, sampleOf([rows, 4], { x: tensor([rows, 4], column(rows)), range: { lower: 0, upper: 80 } }));
    expect(drafted(20).contract.inputs[0]!.features!.map(({ integer }) => integer)).toEqual([
      true,
      true,
      true,
      undefined,
    ]);
    expect(drafted(20).inferred.filter((sentence) => sentence.includes("whole numbers"))).toHaveLength(3);
    expect(drafted(19).contract.inputs[0]!.features![0]!.integer).toBeUndefined();
  });

  test("takes class names from the sample where there are as many", () => {
    const names = Array.from({ length: 10 }, (_, i) => `digit ${i}`);
    expect(draftContract(digitModel(), { ...digits, labelNames: names }).contract.output.classes).toEqual(names);
    const { contract } = draftContract(digitModel(), { ...digits, labelNames: ["a", "b"] });
    expect(contract.output.classes[9]).toBe("9");
  });

  test.each([
    [[null, 3, 32, 32], "NCHW"],
    [[null, 32, 32, 3], "NHWC"],
    [[null, 28, 28, 1], "NHWC"],
    [[null, 3, 224, 3], "NCHW"], // both fit: the usual one of ONNX
    [[null, null, null, null], "NCHW"],
  ] as const)("of pictures of %j has the layout %s", (shape, layout) => {
    const pictures = model(
      [
        value(
          "x",
          "float32",
          shape.map((axis) => axis ?? undefined),
        ),
      ],
      [node("Flatten", ["x"], ["y"])],
      [value("y", "float32", ["batch", 5])],
    );
    expect(draftContract(pictures).contract.inputs[0]!.layout).toBe(layout);
  });

  test("fills axes that the model leaves free from the sample, and says so", () => {
    const pictures = model(
      [value("x", "float32", ["batch", 3, "height", "width"])],
      [node("GlobalAveragePool", ["x"], ["y"])],
      [value("y", "float32", ["batch", 5])],
    );
    const { contract, inferred } = draftContract(pictures, sampleOf([2, 3, 16, 20]));
    expect(contract.inputs[0]!.shape).toEqual([null, 3, 16, 20]);
    expect(inferred).toContain("Input 'x': axis 2 is free in the model; 16 is that of the sample.");
  });

  test("bounds tokens by the rows of their embedding", () => {
    const text = model(
      [value("ids", "int64", ["batch", "length"])],
      [node("Gather", ["embedding", "ids"], ["vectors"]), node("ReduceMean", ["vectors"], ["y"])],
      [value("y", "float32", ["batch", 2])],
      [constant("embedding", [50, 8])],
    );
    const { contract, inferred } = draftContract(text);
    expect(contract.inputs[0]).toMatchObject({ kind: "tokens", range: { lower: 0, upper: 49 } });
    expect(inferred).toContain("Input 'ids': range 0 to 49, from the 50 rows of its embedding.");
  });

  test.each([
    ["the range of a table", binary(), undefined, "input 'x': its range cannot be known without a sample"],
    [
      "a number of classes that nothing tells",
      model(
        [value("x", "float32", ["batch", 1, 2, 2])],
        [node("Custom", ["x"], ["y"])],
        [value("y", "float32", undefined)],
      ),
      undefined,
      "output 'y': the number of classes cannot be known without a sample",
    ],
    [
      "a shape that is not declared",
      model([value("x", "float32", undefined)], [node("Flatten", ["x"], ["y"])], [value("y", "float32", ["batch", 3])]),
      undefined,
      "input 'x': the model declares no shape",
    ],
    [
      "a model without output",
      model([value("x", "float32", ["batch", 1, 2, 2])], [], []),
      undefined,
      "the model has no output",
    ],
    [
      "a range from a single number",
      binary(),
      sampleOf([2, 4], { range: { lower: 3, upper: 3 } }),
      "input 'x': the sample holds the number 3 only",
    ],
  ])("does not guess %s", (_, subject, sample, words) => {
    expect(() => draftContract(subject, sample)).toThrow(
      expect.objectContaining({ code: "INVALID_CONTRACT", message: expect.stringContaining(words) }),
    );
  });
});

function sampleOf(shape: readonly number[], facts: Partial<ContractSample> = {}): ContractSample {
  return {
    x: tensor(shape),
    labels: Int32Array.of(0, 1),
    range: { lower: 0, upper: 1 },
    sourceDtype: "float32",
    ...facts,
  };
}
