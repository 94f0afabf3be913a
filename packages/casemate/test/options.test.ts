import { describe, expect, test } from "vitest";
import { parseBudget, parseEpsilons, wholeNumber } from "../src/commands/options.ts";

describe("an epsilon", () => {
  test.each([
    ["0.3", [0.3]],
    ["8/255", [8 / 255]],
    ["0.1,0.2, 0.3", [0.1, 0.2, 0.3]],
  ])("%s is read", (text, expected) => {
    expect(parseEpsilons(text)).toEqual(expected);
  });

  test.each(["", "0", "-1", "x", "8/0", "8/", "1/2/3", "0.1,,0.2", "Infinity", "NaN"])("'%s' is refused", (text) => {
    expect(() => parseEpsilons(text)).toThrow(/above 0/);
  });
});

describe("a budget", () => {
  test.each([
    ["120", { seconds: 120 }],
    ["120s", { seconds: 120 }],
    ["2m", { seconds: 120 }],
    ["1.5h", { seconds: 5400 }],
    ["5000q", { queries: 5000 }],
  ])("%s is read", (text, expected) => {
    expect(parseBudget(text)).toEqual(expected);
  });

  test.each(["", "0", "-5s", "5 apples", "q", "1e3q"])("'%s' is refused", (text) => {
    expect(() => parseBudget(text)).toThrow(/expected seconds/);
  });
});

test.each(["-1", "1.5", "x", "", "99999999999999999999"])("'%s' is no whole number", (text) => {
  expect(() => wholeNumber(0)(text)).toThrow(/whole number/);
});
