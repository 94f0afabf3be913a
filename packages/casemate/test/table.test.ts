import { expect, test } from "vitest";
import { table } from "../src/table.ts";

test("columns are as wide as their widest cell, and colours have no width", () => {
  expect(
    table([
      ["a", "bbb", "c"],
      ["\u001b[1maa\u001b[22m", "b", "ccc"],
    ]),
  ).toBe("a   bbb  c\n\u001b[1maa\u001b[22m  b    ccc");
});

test("a column can be aligned to the right", () => {
  expect(
    table(
      [
        ["n", "1"],
        ["m", "100"],
      ],
      ["left", "right"],
    ),
  ).toBe("n    1\nm  100");
});
