import { describe, expect, test } from "vitest";
import { parseContract } from "../src/contract.ts";
import { boundsOf, mutableMask } from "../src/input-bounds.ts";
import type { Contract } from "../src/schemas/contract.ts";

const image = {
  name: "x",
  dtype: "float32",
  shape: [null, 3, 1, 2],
  kind: "image",
  layout: "NCHW",
  range: { lower: 0, upper: 1 },
};
const table = {
  name: "x",
  dtype: "float32",
  shape: [null, 2],
  kind: "tabular",
  range: { lower: [0, -1], upper: [1, 1] },
};
const output = { name: "y", kind: "logits", classes: ["cat", "dog"] };

describe("parseContract", () => {
  test.each([
    ["an image", image],
    ["a table with a range per feature", table],
    ["an image with a range per channel", { ...image, range: { lower: [-2.1, -2, -1.8], upper: [2.2, 2.4, 2.6] } }],
    [
      "an image with normalisation per channel",
      { ...image, normalisation: { mean: [0.5, 0.4, 0.3], standardDeviation: [0.2, 0.2, 0.2] } },
    ],
    ["an image with one normalisation", { ...image, normalisation: { mean: [0.1307], standardDeviation: [0.3081] } }],
    [
      "a table with named features",
      {
        ...table,
        features: [
          { name: "age", mutable: false },
          { name: "income", range: { lower: 0, upper: 9 } },
        ],
      },
    ],
    ["a mask over values", { ...table, mutable: [true, false] }],
    ["tokens", { name: "ids", dtype: "int64", shape: [null, null], kind: "tokens", range: { lower: 0, upper: 29999 } }],
  ])("takes %s", (_, input) => {
    const contract = { task: "classification", inputs: [input], output };
    expect(parseContract(contract, "model.contract.json")).toEqual(contract);
  });

  test.each([
    ["no object", null, "must be object"],
    ["another task", describing({ task: "regression" }), '/task must be "classification"'],
    ["no input", describing({ inputs: [] }), "/inputs must NOT have fewer than 1 items"],
    ["an unknown property", describing({ ouput: output }), "unknown property 'ouput'"],
    [
      "an unknown kind of output",
      describing({ output: { ...output, kind: "scores" } }),
      "/output/kind must be one of logits",
    ],
    [
      "a single class",
      describing({ output: { ...output, classes: ["cat"] } }),
      "/output/classes must NOT have fewer than 2 items",
    ],
    [
      "a class twice",
      describing({ output: { ...output, classes: ["cat", "cat"] } }),
      "/output/classes must NOT have duplicate items",
    ],
    [
      "one logit for three classes",
      describing({ output: { ...output, kind: "logit", classes: ["a", "b", "c"] } }),
      "output kind logit has 2 classes, got 3",
    ],
    ["an input twice", describing({ inputs: [image, image] }), "input 'x' is described twice"],
    ["no range", of({ range: undefined }), "must have required property 'range'"],
    ["an empty range", of({ range: { lower: 1, upper: 1 } }), "range.lower is not below range.upper"],
    [
      "a range empty in one channel",
      of({ range: { lower: 0, upper: [1, 0, 1] } }),
      "range.lower is not below range.upper",
    ],
    [
      "a range of the wrong length",
      of({ range: { lower: 0, upper: [1, 1] } }),
      "range.upper has 2 entries, a sample has 6 values",
    ],
    ["an image without layout", of({ layout: undefined }), "an image needs a layout"],
    ["an image with two axes", of({ shape: [null, 6] }), "an image has 4 axes, got 2"],
    ["a table with a layout", of({ ...table, layout: "NCHW" }), "layout is only for images"],
    ["an axis of size 0", of({ shape: [null, 3, 0, 2] }), "/inputs/0/shape/2"],
    [
      "normalisation of the wrong length",
      of({ normalisation: { mean: [0, 0], standardDeviation: [1, 1] } }),
      "normalisation has 2 entries, expected 1 or 3",
    ],
    [
      "normalisation of two lengths",
      of({ normalisation: { mean: [0], standardDeviation: [1, 1, 1] } }),
      "1 means and 3 standard deviations",
    ],
    [
      "a standard deviation of 0",
      of({ normalisation: { mean: [0], standardDeviation: [0] } }),
      "a standard deviation must be above 0",
    ],
    [
      "too few features",
      of({ ...table, layout: undefined, features: [{ name: "age" }] }),
      "1 features described, a sample has 2",
    ],
    [
      "two features of one name",
      of({ ...table, layout: undefined, features: [{ name: "a" }, { name: "a" }] }),
      "two features have the same name",
    ],
    [
      "an empty range of a feature",
      of({ ...table, layout: undefined, features: [{ name: "a" }, { name: "b", range: { lower: 2, upper: 1 } }] }),
      "the range of feature 'b' is empty",
    ],
    ["a mask of the wrong length", of({ mutable: [true] }), "mutable has 1 flags, a sample has 6 values"],
    [
      "a mask in two places",
      of({
        ...table,
        layout: undefined,
        mutable: [true, true],
        features: [{ name: "a", mutable: true }, { name: "b" }],
      }),
      "mutable is given both as a mask and by feature",
    ],
  ])("refuses %s", (_, json, words) => {
    expect(() => parseContract(json, "model.contract.json")).toThrow(
      expect.objectContaining({ code: "INVALID_CONTRACT", message: expect.stringContaining(words) }),
    );
    expect(() => parseContract(json, "model.contract.json")).toThrow(/^model\.contract\.json: /);
  });
});

describe("boundsOf", () => {
  test("one range holds for all features", () => {
    expect(boundsOf(parsed(image))).toEqual({ lower: 0, upper: 1 });
  });

  test("a range per feature stays one", () => {
    expect(boundsOf(parsed(table))).toEqual({ lower: Float32Array.of(0, -1), upper: Float32Array.of(1, 1) });
  });

  test("a range per channel is spread over the pixels, in either layout", () => {
    const range = { lower: [0, 1, 2], upper: 9 };
    expect(boundsOf(parsed({ ...image, range })).lower).toEqual(Float32Array.of(0, 0, 1, 1, 2, 2));
    const last = { ...image, layout: "NHWC", shape: [null, 1, 2, 3], range };
    expect(boundsOf(parsed(last)).lower).toEqual(Float32Array.of(0, 1, 2, 0, 1, 2));
  });

  test("the range of a feature takes precedence", () => {
    const features = [{ name: "age", range: { lower: 18, upper: 99 } }, { name: "score" }];
    expect(boundsOf(parsed({ ...table, features }))).toEqual({
      lower: Float32Array.of(18, -1),
      upper: Float32Array.of(99, 1),
    });
  });
});

describe("mutableMask", () => {
  test.each([
    ["nothing said", table, undefined],
    ["a mask", { ...table, mutable: [true, false] }, Uint8Array.of(1, 0)],
    [
      "a feature that stays",
      { ...table, features: [{ name: "age", mutable: false }, { name: "b" }] },
      Uint8Array.of(0, 1),
    ],
    ["a mask without effect", { ...table, mutable: [true, true] }, undefined],
  ])("%s", (_, input, mask) => {
    expect(mutableMask(parsed(input))).toEqual(mask);
  });
});

function describing(change: object) {
  return { task: "classification", inputs: [image], output, ...change };
}

/** A contract on an image of which something is changed. */
function of(change: object) {
  return describing({ inputs: [JSON.parse(JSON.stringify({ ...image, ...change }))] });
}

function parsed(input: object): Contract["inputs"][number] {
  return parseContract(describing({ inputs: [input] }), "model.contract.json").inputs[0]!;
}
