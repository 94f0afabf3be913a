import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DataError, type DataErrorCode, type ReadOptions, readDataset, subset } from "@casemate/data";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { expectRefusal, folderWith } from "./support.ts";

function read(name: string, text: string | Uint8Array, options?: ReadOptions) {
  return readDataset(join(folderWith({ [name]: text }), name), options);
}

test("a CSV file gives features by name and labels in sorted order", async () => {
  const flowers = await read(
    "a.csv",
    '\ufeffwidth,"length, cm",species\r\n1,2.5,rose\r\n-3,4e1,"iris"\r\n\r\n5,6,rose\r\n',
  );
  expect(flowers.x.shape).toEqual([3, 2]);
  expect([...flowers.x.data]).toEqual([1, 2.5, -3, 40, 5, 6]);
  expect(flowers.featureNames).toEqual(["width", "length, cm"]);
  expect(flowers.labelNames).toEqual(["iris", "rose"]);
  expect([...flowers.labels]).toEqual([1, 0, 1]);
  expect(flowers.range).toEqual({ lower: -3, upper: 40 });
  expect(flowers.sourceDtype).toBe("text");
});

test("the iris of the example are 60 flowers of 4 features", async () => {
  const iris = await readDataset(fileURLToPath(new URL("../../../examples/iris/test.csv", import.meta.url)));
  expect(iris.x.shape).toEqual([60, 4]);
  expect(iris.labelNames).toEqual(["setosa", "versicolor", "virginica"]);
});

test.each<[string, ReadOptions | undefined, string[], number[]]>([
  ["label,a,b\n0,1,2\n1,3,4\n", undefined, ["a", "b"], [0, 1]],
  ["a,y,b\n1,5,2\n3,6,4\n", undefined, ["a", "b"], [5, 6]],
  ["a,b,kind\n1,2,0\n3,4,1\n", undefined, ["a", "b"], [0, 1]],
  ["a,label,b\n1,9,2\n3,9,4\n", { label: "a" }, ["label", "b"], [1, 3]],
  ["a;y\n1;2\n", { delimiter: ";" }, ["a"], [2]],
])("the label column of %j with %j", async (text, options, featureNames, labels) => {
  const dataset = await read("a.csv", text, options);
  expect(dataset.featureNames).toEqual(featureNames);
  expect([...dataset.labels]).toEqual(labels);
});

test("columns in oneHot become one feature per value, in place", async () => {
  const dataset = await read("a.tsv", "a\tcolour\tb\ty\n1\tred\t2\t0\n3\tblue\t4\t1\n", { oneHot: ["colour"] });
  expect(dataset.featureNames).toEqual(["a", "colour=blue", "colour=red", "b"]);
  expect([...dataset.x.data]).toEqual([1, 0, 1, 2, 3, 1, 0, 4]);
});

test.each<[string, string, ReadOptions, DataErrorCode, string]>([
  ["words in a column", "a,b,y\n1,2,0\n3,red,1\n", {}, "NOT_NUMERIC", "row 2, column 'b'"],
  [
    "an empty cell",
    "a,b,y\n1,,0\n",
    {},
    "NOT_NUMERIC",
    "row 1, column 'b': expected a number (categories: option oneHot), got nothing",
  ],
  ["NaN", "a,y\n1,0\nnan,1\n", {}, "NOT_FINITE", "row 2, column 'a'"],
  ["more than float32", "a,y\n1e39,0\n", {}, "NOT_FINITE", "1e39"],
  ["an empty label", "a,y\n1,0\n2,\n", {}, "BAD_LABEL", "row 2, column 'y'"],
  ["NaN among the labels", "a,y\n1,0\n2,NaN\n", {}, "BAD_LABEL", "row 2, column 'y'"],
  ["half a label", "a,y\n1,0.5\n", {}, "BAD_LABEL", "0.5"],
  ["a ragged row", "a,b,y\n1,2,0\n1,0\n", {}, "MALFORMED_FILE", "line 3"],
  ["an open quote", 'a,y\n"1,0\n', {}, "MALFORMED_FILE", "Quote"],
  ["no names", "1,2,0\n3,4,1\n", {}, "MALFORMED_FILE", "column names"],
  ["a name twice", "a,a,y\n1,2,0\n", {}, "MALFORMED_FILE", "'a' twice"],
  ["names only", "a,b,y\n", {}, "EMPTY", "rows"],
  ["labels only", "y\n1\n", {}, "EMPTY", "beside"],
  ["no such label column", "a,y\n1,0\n", { label: "kind" }, "MISSING_COLUMN", "'kind'"],
  ["no such column for oneHot", "a,y\n1,0\n", { oneHot: ["b"] }, "MISSING_COLUMN", "'b'"],
  ["an empty category", "a,b,y\n1,red,0\n1,,0\n", { oneHot: ["b"] }, "NOT_NUMERIC", "row 2, column 'b'"],
  ["a longer file than allowed", "a,y\n1,0\n", { maximumBytes: 4 }, "LIMIT_EXCEEDED", "4 bytes, got 8"],
  ["a label beyond the classes", "a,y\n1,3\n", { classes: 3 }, "BAD_LABEL", "got 3 at sample 0"],
])("a CSV file with %s is refused", async (_, text, options, code, message) => {
  await expectRefusal(read("a.csv", text, options), code, message);
});

test("text that is not UTF-8 is refused", async () => {
  await expectRefusal(read("a.csv", Uint8Array.of(97, 44, 121, 10, 0xff, 0xfe)), "MALFORMED_FILE", "UTF-8");
});

describe("JSON lines", () => {
  test("nested lists become a tensor", async () => {
    const dataset = await read(
      "a.jsonl",
      '{"x": [[1, 2], [3, 4]], "y": "cat"}\n\n{"y": "ant", "x": [[5, 6], [7, 8]]}\n',
    );
    expect(dataset.x.shape).toEqual([2, 2, 2]);
    expect([...dataset.x.data]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(dataset.labelNames).toEqual(["ant", "cat"]);
    expect([...dataset.labels]).toEqual([1, 0]);
  });

  test("flat fields become the columns of a table", async () => {
    const dataset = await read("a.ndjson", '{"a": 1, "label": 2, "b": true}\n{"b": false, "a": 3, "label": 0}\n');
    expect(dataset.featureNames).toEqual(["a", "b"]);
    expect([...dataset.x.data]).toEqual([1, 1, 3, 0]);
    expect([...dataset.labels]).toEqual([2, 0]);
  });

  const bottomless = "[".repeat(100_000) + "]".repeat(100_000); // deeper than any call stack

  test.each<[string, string, DataErrorCode, string]>([
    ["other text", '{"x": [1], "y": 0}\nhello\n', "MALFORMED_FILE", "line 2"],
    ["a bare list", "[1, 2]\n", "MALFORMED_FILE", "line 1"],
    ["no lines", "\n\n", "EMPTY", "one JSON object"],
    [
      "mixed lengths",
      '{"x": [1, 2], "y": 0}\n{"x": [1], "y": 0}\n',
      "SHAPE_MISMATCH",
      "line 2, 'x': expected lists of 2 as in line 1, got 1",
    ],
    ["mixed depths", '{"x": [1, 2], "y": 0}\n{"x": [[1], 2], "y": 0}\n', "NOT_NUMERIC", "line 2"],
    ["a missing label", '{"x": [1], "y": 0}\n{"x": [1]}\n', "SHAPE_MISMATCH", "line 2"],
    ["no labels at all", '{"x": [1]}\n', "MISSING_COLUMN", "x and y"],
    ["null among numbers", '{"x": [1], "y": 0}\n{"x": [null], "y": 0}\n', "NOT_NUMERIC", "null"],
    ["a list as label", '{"x": [1], "y": [0]}\n', "BAD_LABEL", "got a list"],
    ["an object with a way to print itself", '{"a": {"toString": 1}, "y": 0}\n', "NOT_NUMERIC", "got an object"],
    ["bottomless samples", `{"x": ${bottomless}, "y": 0}\n`, "NOT_NUMERIC", "got a list"],
    ["bottomless labels", `{"x": [1], "y": ${bottomless}}\n`, "BAD_LABEL", "got a list"],
    ["no numbers", '{"x": [], "y": 0}\n', "EMPTY", "[1,0]"],
    ["an infinity", '{"x": [1e400], "y": 0}\n', "NOT_FINITE", "sample 0, column 0"],
  ])("with %s are refused", async (_, text, code, message) => {
    await expectRefusal(read("a.jsonl", text), code, message);
  });
});

test("any table of numbers reads back from CSV as float32", async () => {
  const folder = folderWith({});
  const path = join(folder, "a.csv");
  const number = fc.double({ min: -1e30, max: 1e30, noNaN: true }).map((value) => value + 0); // -0 prints as 0
  const tables = fc
    .integer({ min: 1, max: 5 })
    .chain((width) =>
      fc.array(fc.tuple(fc.array(number, { minLength: width, maxLength: width }), fc.nat(9)), { minLength: 1 }),
    );
  await fc.assert(
    fc.asyncProperty(tables, async (rows) => {
      const names = rows[0]![0].map((_, i) => `f${i}`);
      writeFileSync(
        path,
        [[...names, "y"], ...rows.map(([cells, y]) => [...cells, y])].map((row) => row.join(",")).join("\n"),
      );
      const dataset = await readDataset(path);
      expect(dataset.x.data).toEqual(Float32Array.from(rows.flatMap(([cells]) => cells)));
      expect([...dataset.labels]).toEqual(rows.map(([, y]) => y));
    }),
    { numRuns: 50 },
  );
});

test("any text as CSV or JSON lines gives a data set or a DataError, nothing else", async () => {
  const folder = folderWith({});
  const pieces = fc.constantFrom(
    "a",
    "y",
    "1",
    ",",
    "\n",
    '"',
    "{",
    "}",
    "[",
    "]",
    ":",
    '"x"',
    '"y"',
    "nan",
    "\u0000",
    "é",
    " ",
    "-",
    "__proto__",
  );
  const texts = fc.oneof(
    fc.array(pieces, { maxLength: 40 }).map((parts) => parts.join("")),
    fc.string(),
  );
  await fc.assert(
    fc.asyncProperty(texts, fc.constantFrom("a.csv", "a.jsonl"), async (text, name) => {
      writeFileSync(join(folder, name), text);
      try {
        await readDataset(join(folder, name));
      } catch (error) {
        expect(error).toBeInstanceOf(DataError);
      }
    }),
    { numRuns: 1500 },
  );
});

describe("subset", () => {
  const text = "a,y\n1,0\n2,1\n3,0\n";

  test("takes the first samples, or those at the positions, with their own range", async () => {
    const dataset = await read("a.csv", text);
    expect([...subset(dataset, 2).x.data]).toEqual([1, 2]);
    const chosen = subset(dataset, [2, 1]);
    expect(chosen.x.shape).toEqual([2, 1]);
    expect([...chosen.x.data]).toEqual([3, 2]);
    expect([...chosen.labels]).toEqual([0, 1]);
    expect(chosen.range).toEqual({ lower: 2, upper: 3 });
    expect(chosen.sha256).toBe(dataset.sha256);
  });

  test.each([[0], [4], [1.5], [[]], [[3]], [[-1]]])("refuses %j of 3", async (which) => {
    const dataset = await read("a.csv", text);
    expect(() => subset(dataset, which)).toThrow(
      expect.objectContaining({ name: "DataError", code: "INVALID_OPTION" }),
    );
  });
});
