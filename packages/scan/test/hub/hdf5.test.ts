import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { ScanContext } from "../../src/format.ts";
import { reportKerasTexts } from "../../src/formats/hub/hdf5/hdf5.ts";
import { referencesOf } from "../../src/formats/hub/hdf5/references.ts";
import { defaultLimits } from "../../src/limits.ts";
import { memorySource } from "../../src/sources/memory-source.ts";

function referencesIn(name: string, base = 0) {
  const source = memorySource("", readFileSync(new URL(`../corpus/${name}`, import.meta.url)));
  return [...referencesOf(source, base)].map(({ kind, target }) => ({ kind, target }));
}

// what make-references.py told h5py to write
test.each([
  ["link-earliest", [{ kind: "link", target: "/nonexistent/secret: /kernel" }]],
  ["link-latest", [{ kind: "link", target: "/nonexistent/secret: /kernel" }]],
  ["array-earliest", [{ kind: "array", target: "/nonexistent/secret" }]],
  ["array-latest", [{ kind: "array", target: "/nonexistent/secret" }]],
  ["virtual-earliest", [{ kind: "virtual array", target: "/nonexistent/secret: kernel" }]],
  ["virtual-latest", [{ kind: "virtual array", target: "/nonexistent/secret: kernel" }]],
])("%s refers to one other file", (name, expected) => {
  expect(referencesIn(`references/${name}.h5`)).toEqual(expected);
});

test("links that lie in a heap of their own are all found", () => {
  expect(referencesIn("references/links-many.h5")).toHaveLength(12);
});

test("addresses count from behind a user block", () => {
  expect(referencesIn("references/array-user-block.h5", 8192)).toEqual([
    { kind: "array", target: "/nonexistent/secret" },
  ]);
});

test.each(["inner-links.h5", "model.h5", "model-latest.h5", "many.weights.h5", "many-latest.weights.h5"])(
  "%s refers to no other file",
  (name) => {
    expect(referencesIn(`benign/${name}`)).toEqual([]);
  },
);

/** A Lambda layer as text, with bytes before and behind it. */
const LAMBDA = JSON.stringify({ class_name: "Lambda", config: { function: ["4wEAAA==\n", null, null] } });

test.each([0, 1, 19, 20, 2 ** 20 - 12, 2 ** 20 - 1, 2 ** 20, 2 ** 20 + 1, 2 ** 21 - LAMBDA.length])(
  "a configuration is found at byte %i, whatever pieces the file is read in",
  (offset) => {
    const bytes = Buffer.concat([Buffer.alloc(offset, "\0text \x01"), Buffer.from(`\0${LAMBDA}\0`), Buffer.alloc(64)]);
    const found: string[] = [];
    const context = { limits: defaultLimits, report: ({ id }: { readonly id: string }) => found.push(id) };
    reportKerasTexts(memorySource("", bytes), context as unknown as ScanContext);
    expect(found).toContain("keras/lambda-code");
  },
);

test("a text longer than a limit is told, at the end of a file too", () => {
  const found: string[] = [];
  const context = {
    limits: { ...defaultLimits, textBytes: 100 },
    report: ({ id }: { readonly id: string }) => found.push(id),
  };
  reportKerasTexts(memorySource("", Buffer.alloc(101, "a")), context as unknown as ScanContext);
  expect(found).toEqual(["hdf5/long-text"]);
});
