import { threats } from "@casemate/attacks";
import { expect, test } from "vitest";
import { parseContract } from "../src/contract.ts";
import { brokenRule, constraintsOf, costsOf, featureRules } from "../src/feature-rules.ts";
import { boundsOf } from "../src/input-bounds.ts";
import type { ContractInput } from "../src/schemas/contract.ts";
import { UnitBox } from "../src/unit-box.ts";

const features = [
  { name: "age", range: { lower: 18, upper: 98 }, integer: true, direction: "up" },
  { name: "income", range: { lower: 0, upper: 1000 }, cost: 2 },
  { name: "debt", range: { lower: 0, upper: 1000 }, atMost: "income" },
  { name: "left", range: { lower: -1000, upper: 1000 }, formula: linear(["income", 1], ["debt", -1]) },
  { name: "rents", oneHot: "home" },
  { name: "owns", oneHot: "home" },
];
const row = Float32Array.of(40, 500, 100, 400, 1, 0);

test("a contract's rules are those of its features, with ranges and indices", () => {
  const rules = featureRules(inputOf(features))!;
  expect(rules[2]).toEqual({ name: "debt", range: { lower: 0, upper: 1000 }, atMost: 1 });
  expect(rules[4]).toEqual({ name: "rents", range: { lower: 0, upper: 1 }, oneHot: "home" });
  expect(rules[3]!.formula).toEqual({
    type: "linear",
    terms: [
      { feature: 1, weight: 1 },
      { feature: 2, weight: -1 },
    ],
  });
  expect(featureRules(inputOf([{ name: "a", mutable: false }, { name: "b" }]))).toBeUndefined();
});

test("in the box of shares a repaired row is whole in the units of the contract, and a cost lengthens its feature", () => {
  const input = inputOf(features);
  const isWhole = [true, false, false, false, true, true];
  const box = new UnitBox(boundsOf(input), 6, { costs: costsOf(input)!, isWhole });
  const origin = box.toUnit(row);
  expect(origin[1]).toBe(1); // half of the range, at twice its cost
  const point = origin.map((value, j) => value + [0.1, 0.2, 0.5, 0, -0.6, 0.6][j]!);
  const { repair } = constraintsOf(input, box.units)!;
  repair(point, origin);
  expect([...box.fromUnit(point)].map((value) => Math.round(value * 1e3) / 1e3)).toEqual([48, 600, 600, 0, 0, 1]);
  const held = origin.map((value, j) => value + [0.1, 0.2, -0.1, 0, -0.6, 0.6][j]!);
  repair(held, origin, threats.linf(0.7));
  expect([...box.fromUnit(held)].map(Math.round)).toEqual([48, 600, 0, 600, 1, 0]);
});

test.each([
  [[40.5], "a whole number for 'age', got 40.5"],
  [[40, 500, 600, -100], "'debt' of at most 'income', 500, got 600"],
  [[40, 500, 100, 300], "expected 400 for 'left' by its formula, got 300"],
  [[40, 500, 100, 400, 1, 1], "a single 1 among 0 in group 'home', got 1, 1"],
])("a row that begins %j is refused", (start, words) => {
  const broken = row.map((value, j) => start[j] ?? value);
  const rules = featureRules(inputOf(features))!;
  expect(brokenRule(rules, broken)).toContain(words);
  expect(brokenRule(rules, row)).toBeUndefined();
});

test.each([
  [{ oneHot: "home" }, "feature 'a': expected one-hot group 'home' to have two members, got one"],
  [{ atMost: "c" }, "feature 'a' depends on 'c', which is not described"],
  [{ formula: linear(["a", 1]) }, "feature 'a': expected another feature"],
  [{ direction: "sideways" }, "direction must be one of up, down"],
  [{ cost: 0 }, "cost must be > 0"],
  [{ formula: { type: "ratio", numerator: "b" } }, "must have required property 'denominator'"],
])("a contract with %j is refused", (rule, words) => {
  expect(() => inputOf([{ name: "a", ...rule }, { name: "b" }])).toThrow(
    expect.objectContaining({ code: "INVALID_CONTRACT", message: expect.stringContaining(words) }),
  );
});

function linear(...terms: readonly [string, number][]) {
  return { type: "linear", terms: terms.map(([feature, weight]) => ({ feature, weight })) };
}

function inputOf(described: readonly object[]): ContractInput {
  const input = { name: "x", dtype: "float32", shape: [null, described.length], kind: "tabular" };
  const contract = {
    task: "classification",
    inputs: [{ ...input, range: { lower: 0, upper: 1 }, features: described }],
    output: { name: "y", kind: "logits", classes: ["no", "yes"] },
  };
  return parseContract(contract, "test").inputs[0]!;
}
