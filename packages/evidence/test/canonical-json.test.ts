import { expect, test } from "vitest";
import { canonicalJson } from "../src/canonical-json.ts";

test("the example of RFC 8785, section 3.2.2", () => {
  const value = JSON.parse(
    String.raw`{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],
      "string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}`,
  );
  expect(canonicalJson(value)).toBe(
    String.raw`{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`,
  );
});

test("members are sorted by UTF-16 code units, as in RFC 8785, section 3.2.3", () => {
  const keys = ["\u20ac", "\r", "\ufb33", "1", "\ud83d\ude00", "\u0080", "\u00f6"];
  const sorted = Object.keys(JSON.parse(canonicalJson(Object.fromEntries(keys.map((key) => [key, 0])))));
  expect(sorted).toEqual(["1", "\r", "\u0080", "\u00f6", "\u20ac", "\ud83d\ude00", "\ufb33"]);
});

test.each([[Number.NaN], [Number.POSITIVE_INFINITY], ["\ud800"], [() => 0], [{ a: [1n] }]])(
  "%s is refused",
  (value) => {
    expect(() => canonicalJson(value)).toThrow("expected what JSON can hold");
  },
);
