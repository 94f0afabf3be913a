import { expect, test } from "vitest";
import { duplicateKeys } from "../../src/formats/hub/duplicate-keys.ts";
import { tensorProblems } from "../../src/formats/hub/safetensors/tensors.ts";

test("keys that come twice are found in whichever object and however they are written", () => {
  const text = String.raw`{"a": {"x": 1, "x": [{"y": 2}, {"y": "{\"q\": 1, \"q\": 2"}]}, "b\"": 0, "\u0061": 3, "c": "a"}`;
  expect([...duplicateKeys(text)].sort()).toEqual(["a", "x"]);
  expect([...duplicateKeys('{"a": ["a", "a"], "b": {"a": 1}}')]).toEqual([]);
});

test("tensors that fill their bytes have no problem, whatever their order in the header", () => {
  const header = {
    b: { dtype: "F16", shape: [2, 3], data_offsets: [4, 16] },
    empty: { dtype: "F32", shape: [0, 7], data_offsets: [4, 4] },
    a: { dtype: "F4", shape: [8], data_offsets: [0, 4] },
    scalar: { dtype: "I64", shape: [], data_offsets: [16, 24] },
  };
  expect(tensorProblems(header, 24)).toEqual({ problems: [], end: 24 });
});

test.each([
  ["an overlap", { a: [0, 4], b: [0, 4] }, 4, "within another"],
  ["a hole", { a: [0, 4], b: [8, 12] }, 12, "4 too late"],
  ["a first byte left out", { a: [4, 8] }, 8, "4 too late"],
  ["an end outside", { a: [0, 4] }, 3, "ends at byte 4 of 3"],
])("%s is told", (_, offsets, bytes, text) => {
  const entries = Object.entries(offsets).map(([name, at]) => [name, { dtype: "F32", shape: [1], data_offsets: at }]);
  const { problems } = tensorProblems(Object.fromEntries(entries), bytes);
  expect(problems.map((each) => each.text).join()).toContain(text);
});

test.each([[[1, 0]], [[0]], [["0", 4]], [[-4, 0]], [[0.5, 4.5]], [null]])("offsets %j are none", (offsets) => {
  const { problems } = tensorProblems({ a: { dtype: "F32", shape: [1], data_offsets: offsets } }, 4);
  expect(problems).toMatchObject([{ rule: "header", tensor: "a" }]);
});
