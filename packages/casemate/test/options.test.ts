import { describe, expect, test } from "vitest";
import { addHeader, numberUpTo, parseBudget, parseEpsilons, parseRange, wholeNumber } from "../src/commands/options.ts";

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

describe("a range", () => {
  test.each([
    ["0,1", { lower: 0, upper: 1 }],
    [" -1 , 2.5", { lower: -1, upper: 2.5 }],
  ])("'%s' is read", (text, expected) => {
    expect(parseRange(text)).toEqual(expected);
  });

  test.each(["", "0", "1,0", "0,0", "0,1,2", "a,b", ",1", "0,Infinity"])("'%s' is refused", (text) => {
    expect(() => parseRange(text)).toThrow(/two rising numbers/);
  });
});

test.each(["", "0", "-1", "x", "1.5", "Infinity", "NaN"])("'%s' is no share", (text) => {
  expect(numberUpTo(1)("0.5")).toBe(0.5);
  expect(() => numberUpTo(1)(text)).toThrow(/above 0, at most 1/);
});

test("headers add up, and one that is none is not repeated in the complaint", () => {
  expect(addHeader("b: 2 x: 3", addHeader("a:1"))).toEqual({ a: "1", b: "2 x: 3" });
  expect(() => addHeader("secret")).toThrow("expected a name, a colon and a value.");
});
