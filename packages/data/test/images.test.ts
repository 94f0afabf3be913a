import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import { readDataset } from "@casemate/data";
import fc from "fast-check";
import { encode } from "fast-png";
import { describe, expect, test } from "vitest";
import { DataError } from "../src/data-error.ts";
import { type Image, resizeBilinear } from "../src/image.ts";
import { decodeJpeg } from "../src/jpeg.ts";
import { decodePng } from "../src/png.ts";
import { expectRefusal, folderWith, vectors } from "./support.ts";

const {
  images,
  resized,
}: {
  images: Record<string, { shape: number[]; values: number[] }>;
  resized: Record<string, number[]>;
} = JSON.parse(readFileSync(join(vectors, "images.json"), "utf8"));
const LIMIT = 2 ** 24;
const bytesOf = (name: string): Uint8Array => readFileSync(join(vectors, name));
const shapeOf = ({ height, width, channels }: Image): number[] => [height, width, channels];

test.each(Object.keys(images).filter((name) => name.endsWith(".png")))(
  "%s has the pixels that Pillow reads",
  (name) => {
    const image = decodePng(bytesOf(name), name, LIMIT);
    expect(shapeOf(image)).toEqual(images[name]!.shape);
    expect(Array.from(image.data)).toEqual(images[name]!.values);
  },
);

test.each(Object.keys(images).filter((name) => name.endsWith(".jpg")))(
  "%s has the pixels that Pillow reads, within 3",
  (name) => {
    const image = decodeJpeg(bytesOf(name), name);
    expect(shapeOf(image)).toEqual(images[name]!.shape);
    const errors = images[name]!.values.map((value, i) => Math.abs(value - image.data[i]!));
    expect(Math.max(...errors)).toBeLessThanOrEqual(3); // another inverse transform, another rounding
  },
);

test.each(Object.keys(resized))("resizing to %s agrees with PyTorch", (size) => {
  const [width, height] = size.split("x").map(Number);
  const image = resizeBilinear(decodePng(bytesOf("rgb.png"), "rgb.png", LIMIT), width!, height!);
  const area = width! * height!;
  const planes = resized[size]!.map((_, i) => image.data[(i % area) * 3 + Math.floor(i / area)]!);
  for (const [i, value] of planes.entries()) expect(value).toBeCloseTo(resized[size]![i]!, 4);
});

describe("a folder", () => {
  test("with a sub-folder per class gives [n, channels, height, width] in sorted order", async () => {
    const folder = folderWith({
      "dog/a.png": { vector: "rgb.png" },
      "cat/b.png": { vector: "rgba.png" },
      "cat/a.png": { vector: "rgb.png" },
      ".hidden": "",
    });
    const dataset = await readDataset(folder);
    expect(dataset.x.shape).toEqual([3, 3, 5, 4]);
    expect(dataset.labelNames).toEqual(["cat", "dog"]);
    expect([...dataset.labels]).toEqual([0, 0, 1]);
    expect(dataset.sourceDtype).toBe("uint8");
    const pixels = images["rgb.png"]!.values;
    const red = pixels.filter((_, i) => i % 3 === 0);
    expect([...dataset.x.data.subarray(0, 20)]).toEqual(red);
    const channelsLast = await readDataset(folder, { layout: "NHWC" });
    expect(channelsLast.x.shape).toEqual([3, 5, 4, 3]);
    expect([...channelsLast.x.data.subarray(120)]).toEqual(pixels);
  });

  test("with a labels.csv follows its order and its labels", async () => {
    const folder = folderWith({
      "labels.csv": "file,label\nb.png,4\nsub/a.png,2\n",
      "b.png": { vector: "grey.png" },
      "sub/a.png": { vector: "grey.png" },
    });
    const dataset = await readDataset(folder, { scale: 1 / 255 });
    expect(dataset.x.shape).toEqual([2, 1, 5, 4]);
    expect([...dataset.labels]).toEqual([4, 2]);
    expect(dataset.range.upper).toBeLessThanOrEqual(1);
  });

  test("has the digest of what sha256sum prints", async () => {
    const folder = folderWith({ "a/1.png": { vector: "grey.png" }, "b/2.png": { vector: "grey.png" } });
    const digest = createHash("sha256").update(bytesOf("grey.png")).digest("hex");
    const listing = `${digest}  a/1.png\n${digest}  b/2.png\n`;
    expect((await readDataset(folder)).sha256).toBe(createHash("sha256").update(listing).digest("hex"));
  });

  test("of mixed sizes is read at the size that resize gives", async () => {
    const folder = folderWith({ "a/1.jpg": { vector: "grey.jpg" }, "b/2.png": { vector: "grey.png" } });
    await expectRefusal(
      readDataset(folder),
      "SHAPE_MISMATCH",
      "expected 16 × 16 with 1 channels of 8 bits as a/1.jpg, got 4 × 5",
    );
    expect((await readDataset(folder, { resize: { width: 8, height: 6 } })).x.shape).toEqual([2, 1, 6, 8]);
    await expectRefusal(readDataset(folder, { resize: { width: 0, height: 6 } }), "INVALID_OPTION", "resize.width");
  });

  test("of grey and colour, or of 8 and 16 bits, is refused", async () => {
    const resize = { width: 2, height: 2 };
    const colour = folderWith({ "a/1.png": { vector: "grey.png" }, "b/2.png": { vector: "rgb.png" } });
    await expectRefusal(readDataset(colour, { resize }), "SHAPE_MISMATCH", "3 channels");
    const deep = folderWith({ "a/1.png": { vector: "grey.png" }, "b/2.png": { vector: "grey16.png" } });
    await expectRefusal(readDataset(deep, { resize }), "SHAPE_MISMATCH", "16 bits");
  });

  test("with stray files, no images, missing images or too many is refused", async () => {
    const image = { vector: "grey.png" };
    await expectRefusal(readDataset(folderWith({ "a/1.png": image, "notes.txt": "" })), "UNKNOWN_FORMAT", "notes.txt");
    await expectRefusal(
      readDataset(folderWith({ "a/1.png": image, "a/notes.txt": "hello" })),
      "UNKNOWN_FORMAT",
      "notes.txt",
    );
    await expectRefusal(readDataset(folderWith({ "a/b/1.png": image })), "UNKNOWN_FORMAT", "got a folder");
    await expectRefusal(readDataset(folderWith({})), "EMPTY");
    await expectRefusal(readDataset(folderWith({ "labels.csv": "file,label\nx.png,1\n" })), "MISSING_FILE", "x.png");
    await expectRefusal(
      readDataset(folderWith({ "labels.csv": "name,label\nx.png,1\n" })),
      "MISSING_COLUMN",
      "file and label",
    );
    const two = folderWith({ "a/1.png": image, "b/1.png": image });
    await expectRefusal(
      readDataset(two, { maximumBytes: 350, resize: { width: 8, height: 8 } }),
      "LIMIT_EXCEEDED",
      "for 2 images",
    );
    const huge = { width: 2 ** 20, height: 2 ** 20 };
    await expectRefusal(readDataset(two, { resize: huge }), "LIMIT_EXCEEDED", "1048576 × 1048576");
    await expectRefusal(readDataset(folderWith({ "a/1.jpg": { vector: "cmyk.jpg" } })), "UNSUPPORTED_FORMAT", "4");
  });

  test("does not lead out of itself, by name or by link", async () => {
    const folder = folderWith({
      "inside/labels.csv": "file,label\n../outside.png,0\n",
      "outside.png": { vector: "grey.png" },
      "linked/labels.csv": "file,label\nlink.png,0\n",
    });
    await expectRefusal(readDataset(join(folder, "inside")), "UNSAFE_PATH", "outside.png");
    symlinkSync(join(folder, "outside.png"), join(folder, "linked", "link.png"));
    await expectRefusal(readDataset(join(folder, "linked")), "UNSAFE_PATH", "link.png");
    mkdirSync(join(folder, "listed"));
    symlinkSync(join(folder, "linked", "labels.csv"), join(folder, "listed", "labels.csv"));
    await expectRefusal(readDataset(join(folder, "listed")), "UNSAFE_PATH", "labels.csv");
  });
});

describe("a hostile PNG", () => {
  const chunk = (type: string, content: Uint8Array): Buffer => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(content.length);
    return Buffer.concat([length, Buffer.from(type, "latin1"), content, Buffer.alloc(4)]);
  };
  const header = (width: number, height: number): Buffer => {
    const content = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0]);
    content.writeUInt32BE(width, 0);
    content.writeUInt32BE(height, 4);
    return chunk("IHDR", content);
  };
  const signature = bytesOf("grey.png").subarray(0, 8);

  test("that announces a huge picture is refused", () => {
    const bytes = Buffer.concat([signature, header(100_000, 100_000), chunk("IEND", new Uint8Array())]);
    expect(() => decodePng(bytes, "huge", LIMIT)).toThrow(expect.objectContaining({ code: "LIMIT_EXCEEDED" }));
  });

  test("that inflates to more than its picture is refused", () => {
    const bomb = deflateSync(new Uint8Array(2 ** 20));
    const bytes = Buffer.concat([signature, header(2, 2), chunk("IDAT", bomb), chunk("IEND", new Uint8Array())]);
    expect(() => decodePng(bytes, "bomb", LIMIT)).toThrow(/do not inflate to the size/);
  });
});

test("any grey or colour picture survives encoding as PNG", () => {
  const pictures = fc
    .tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }), fc.constantFrom(1, 3))
    .chain(([width, height, channels]) => {
      const length = width * height * channels;
      const data = fc.uint8Array({ minLength: length, maxLength: length });
      return fc.record({
        width: fc.constant(width),
        height: fc.constant(height),
        channels: fc.constant(channels),
        data,
      });
    });
  fc.assert(
    fc.property(pictures, (picture) => {
      expect(decodePng(encode(picture), "picture", LIMIT)).toEqual({ ...picture, depth: 8 });
    }),
  );
});

test("a mutated PNG or JPEG gives an image or a DataError, nothing else", () => {
  const names = fc.constantFrom("grey.png", "palette.png", "rgba.png", "bits.png", "grey.jpg", "rgb.jpg");
  const changes = fc.array(fc.record({ at: fc.nat(5000), byte: fc.integer({ min: 0, max: 255 }) }), {
    minLength: 1,
    maxLength: 4,
  });
  fc.assert(
    fc.property(names, changes, (name, edits) => {
      const bytes = Buffer.from(bytesOf(name));
      for (const { at, byte } of edits) bytes[8 + (at % (bytes.length - 8))] = byte;
      try {
        if (name.endsWith(".png")) decodePng(bytes, name, LIMIT);
        else decodeJpeg(bytes, name);
      } catch (error) {
        expect(error).toBeInstanceOf(DataError);
      }
    }),
    { numRuns: 500 },
  );
});
