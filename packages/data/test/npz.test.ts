import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DataError, type DataErrorCode, readDataset, readNpz, writeNpz } from "@casemate/data";
import { type AnyTensor, float16ToFloat32, sizeOf, tensor } from "@casemate/tensor";
import fc from "fast-check";
import { zipSync } from "fflate";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { decodeNpy, encodeNpy } from "../src/npy.ts";
import { listZip } from "../src/zip.ts";
import { expectRefusal, folderWith, vectors } from "./support.ts";

const expected: Record<string, { shape: number[]; values: number[] }> = JSON.parse(
  readFileSync(join(vectors, "arrays.json"), "utf8"),
);
const arrays = await readNpz(join(vectors, "arrays.npz"));

test("every array of the fixture is read", () => {
  expect([...arrays.keys()].sort()).toEqual(Object.keys(expected).sort());
});

test.each(Object.keys(expected))("NumPy's %s array reads as its numbers in row-major order", (name) => {
  const { dtype, shape, data } = arrays.get(name)!;
  expect(shape).toEqual(expected[name]!.shape);
  const numbers = dtype === "float16" && data instanceof Uint16Array ? float16ToFloat32(data) : data;
  expect(Array.from<unknown, number>(numbers as ArrayLike<unknown>, Number)).toEqual(expected[name]!.values);
});

test("the digits of the example are 500 grey images with the digest of the file", async () => {
  const path = fileURLToPath(new URL("../../../examples/digits/digits-test-500.npz", import.meta.url));
  const digits = await readDataset(path, { classes: 10 });
  expect(digits.x.shape).toEqual([500, 1, 28, 28]);
  expect(digits.range).toEqual({ lower: 0, upper: 255 });
  expect(digits.sourceDtype).toBe("uint8");
  expect(digits.labelNames).toBeUndefined();
  expect(digits.sha256).toBe(createHash("sha256").update(readFileSync(path)).digest("hex"));
  const scaled = await readDataset(path, { scale: 1 / 255 });
  expect(scaled.range).toEqual({ lower: 0, upper: 1 });
});

test("images and labels are found by their usual names, in a stored archive", async () => {
  const dataset = await readDataset(join(vectors, "stored.npz"));
  expect(dataset.x.shape).toEqual([2, 3, 4]);
  expect([...dataset.x.data]).toEqual(Array.from({ length: 24 }, (_, i) => i));
  expect([...dataset.labels]).toEqual([1, 0]);
});

test("a single array takes its labels from a second file", async () => {
  const dataset = await readDataset(join(vectors, "x.npy"), { labelsFile: join(vectors, "y.npy") });
  expect([...dataset.labels]).toEqual([3, 1]);
  await expectRefusal(readDataset(join(vectors, "x.npy")), "MISSING_COLUMN", "labelsFile");
});

describe("written and read again", () => {
  test("arrays of any dtype and shape come back bit for bit", async () => {
    const shapes = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 });
    const someArray = shapes.chain((shape) => {
      const n = sizeOf(shape);
      const exactly = { minLength: n, maxLength: n };
      return fc.oneof<fc.Arbitrary<AnyTensor>[]>(
        fc.float32Array(exactly).map((data) => ({ dtype: "float32", shape, data })),
        fc.float64Array(exactly).map((data) => ({ dtype: "float64", shape, data })),
        fc.uint16Array(exactly).map((data) => ({ dtype: "float16", shape, data })),
        fc.uint8Array(exactly).map((data) => ({ dtype: "uint8", shape, data })),
        fc.int16Array(exactly).map((data) => ({ dtype: "int16", shape, data })),
        fc.int32Array(exactly).map((data) => ({ dtype: "int32", shape, data })),
        fc.bigInt64Array(exactly).map((data) => ({ dtype: "int64", shape, data })),
      );
    });
    fc.assert(
      fc.property(someArray, (array) => {
        expect(decodeNpy(encodeNpy(array), "array")).toEqual(array);
      }),
    );
    const path = join(folderWith({}), "written.npz");
    await fc.assert(
      fc.asyncProperty(someArray, someArray, async (x, y) => {
        await writeNpz(path, { x, y });
        const read = await readNpz(path);
        expect([...read]).toEqual([
          ["x", x],
          ["y", y],
        ]);
      }),
      { numRuns: 30 },
    );
  });

  test.each(["America/New_York", "UTC", "Pacific/Auckland"])("the bytes are the same in %s", async (zone) => {
    vi.stubEnv("TZ", zone);
    onTestFinished(() => void vi.unstubAllEnvs());
    expect(new Date(0).getTimezoneOffset()).toBe({ "America/New_York": 300, "Pacific/Auckland": -720 }[zone] ?? 0);
    const path = join(folderWith({}), "a.npz");
    await writeNpz(path, { x: tensor([2], Float32Array.of(1, 2)) });
    const stamp = readFileSync(path).readUInt32LE(10); // time and date of the first entry, APPNOTE 4.4.6
    expect(stamp).toBe((1 << 21) | (1 << 16)); // midnight on the first day of 1980
  });

  test("the same arrays give the same bytes, and nothing else stays in the folder", async () => {
    const folder = folderWith({});
    const x = tensor([2, 2], Float32Array.of(1, 2, 3, 4));
    await writeNpz(join(folder, "a.npz"), { x });
    await writeNpz(join(folder, "b.npz"), { x });
    expect(readFileSync(join(folder, "a.npz"))).toEqual(readFileSync(join(folder, "b.npz")));
    expect(readdirSync(folder).sort()).toEqual(["a.npz", "b.npz"]);
    await expectRefusal(writeNpz(join(folder, "none", "c.npz"), { x }), "UNWRITABLE_FILE", "ENOENT");
    const words: AnyTensor = { dtype: "string", shape: [1], data: ["a"] };
    await expectRefusal(writeNpz(join(folder, "d.npz"), { words }), "UNSUPPORTED_FORMAT", "string");
    expect(readdirSync(folder)).toHaveLength(2);
  });
});

const four = tensor([2, 2], Float32Array.of(1, 2, 3, 4));
const zeros: AnyTensor = { dtype: "uint8", shape: [2, 200], data: new Uint8Array(400) };
const integers = (...values: number[]): AnyTensor => ({
  dtype: "int32",
  shape: [values.length],
  data: Int32Array.from(values),
});
const refused: readonly (readonly [string, Record<string, AnyTensor>, object, DataErrorCode, string])[] = [
  ["no labels", { x: four }, {}, "MISSING_COLUMN", "x and y"],
  ["another name than the option says", { x: four, y: integers(0, 1) }, { x: "z" }, "MISSING_COLUMN", "z and y"],
  ["too few labels", { x: four, y: integers(0) }, {}, "SHAPE_MISMATCH", "each of 2 samples"],
  ["one-hot labels", { x: four, y: four }, {}, "SHAPE_MISMATCH", "[2,2]"],
  ["flat samples", { x: integers(1, 2), y: integers(0, 1) }, {}, "SHAPE_MISMATCH", "[n, …]"],
  [
    "a negative label",
    { x: four, y: integers(0, -1) },
    {},
    "BAD_LABEL",
    "label 1: expected a whole number from 0, got -1",
  ],
  ["half a label", { x: four, y: tensor([2], Float32Array.of(0, 0.5)) }, {}, "BAD_LABEL", "0.5"],
  [
    "a label beyond the classes",
    { x: four, y: integers(0, 7) },
    { classes: 3 },
    "BAD_LABEL",
    "0 to 2, got 7 at sample 1",
  ],
  [
    "NaN",
    { x: tensor([2, 1], Float32Array.of(1, Number.NaN)), y: integers(0, 1) },
    {},
    "NOT_FINITE",
    "sample 1, column 0",
  ],
  ["no samples", { x: tensor([0, 2]), y: integers() }, {}, "EMPTY", "0 labels"],
  [
    "too much",
    { x: zeros, y: integers(0, 1) },
    { maximumBytes: 1200 },
    "LIMIT_EXCEEDED",
    "1200 bytes unpacked, got 1600",
  ],
  ["a scale of 0", { x: four, y: integers(0, 1) }, { scale: 0 }, "INVALID_OPTION", "scale"],
  ["2.5 classes", { x: four, y: integers(0, 1) }, { classes: 2.5 }, "INVALID_OPTION", "classes"],
];

test.each(refused)("an npz with %s is refused", async (_, content, options, code, text) => {
  const path = join(folderWith({}), "data.npz");
  await writeNpz(path, content);
  await expectRefusal(readDataset(path, options), code, text);
});

test("arrays of strings and missing, empty and unknown files are refused", async () => {
  await expectRefusal(
    readDataset(join(vectors, "strings.npy"), { labelsFile: join(vectors, "y.npy") }),
    "UNSUPPORTED_FORMAT",
  );
  await expectRefusal(readDataset(join(vectors, "none.npz")), "MISSING_FILE", "none.npz");
  const folder = folderWith({ "empty.npz": "", "image.bin": "\x00\x01\x02" });
  await expectRefusal(readDataset(join(folder, "empty.npz")), "EMPTY");
  await expectRefusal(readDataset(join(folder, "image.bin")), "UNKNOWN_FORMAT");
});

describe("a hostile archive", () => {
  const good = zipSync({ "x.npy": encodeNpy(tensor([64, 64])), "y.npy": encodeNpy(integers(1)) });
  const directory = new DataView(good.buffer).getUint32(good.length - 6, true);

  test.each([
    ["is encrypted", 8, 1, "UNSUPPORTED_FORMAT"],
    ["is packed by another method", 10, 99, "UNSUPPORTED_FORMAT"],
    ["has a wrong checksum", 16, 1, "MALFORMED_FILE"],
    ["declares more than deflate can hold", 24, 0x7fffff00, "MALFORMED_FILE"],
    ["unpacks to more than it declares", 24, 100, "MALFORMED_FILE"],
    ["packs more than the file holds", 20, 0x00ffffff, "MALFORMED_FILE"],
    ["points nowhere", 42, 0x00ffffff, "MALFORMED_FILE"],
    ["has a name beyond the end", 28, 0xffff, "MALFORMED_FILE"],
  ] as const)("that %s is refused", (_, offset, value, code) => {
    const bytes = good.slice();
    const view = new DataView(bytes.buffer);
    if ([8, 10, 28].includes(offset)) view.setUint16(directory + offset, value, true);
    else view.setUint32(directory + offset, value, true);
    expect(() => listZip(bytes, "bad.npz").map((entry) => entry.unpack())).toThrow(expect.objectContaining({ code }));
  });

  test("with a huge shape is refused before memory is asked for", () => {
    const bytes = Buffer.from(encodeNpy(tensor([1, 1])));
    const text = bytes.toString("latin1").replace("(1, 1), }        ", "(99999999, 999),}");
    expect(() => decodeNpy(Buffer.from(text, "latin1"), "huge", 2 ** 31)).toThrow(
      expect.objectContaining({ code: "LIMIT_EXCEEDED" }),
    );
  });
});

test("a mutated or truncated npz or npy gives a data set or a DataError, nothing else", async () => {
  const folder = folderWith({});
  const archive = readFileSync(join(vectors, "stored.npz"));
  const array = readFileSync(join(vectors, "x.npy"));
  const change = fc.record({ at: fc.nat(5000), byte: fc.integer({ min: 0, max: 255 }) });
  await fc.assert(
    fc.asyncProperty(fc.boolean(), fc.array(change, { maxLength: 6 }), fc.nat(600), async (npz, changes, cut) => {
      const bytes = Buffer.from(npz ? archive : array);
      for (const { at, byte } of changes) bytes[at % bytes.length] = byte;
      const path = join(folder, "fuzz");
      writeFileSync(path, cut < bytes.length && cut % 3 === 0 ? bytes.subarray(0, cut) : bytes);
      try {
        await readDataset(path, { labelsFile: join(vectors, "y.npy"), maximumBytes: 2 ** 24 });
      } catch (error) {
        expect(error).toBeInstanceOf(DataError);
      }
    }),
    { numRuns: 1500 },
  );
});
