import { createHash } from "node:crypto";
import { readdir, realpath } from "node:fs/promises";
import { join, sep } from "node:path";
import { parseCsv } from "./csv.ts";
import { DataError } from "./data-error.ts";
import { kindOf, readBytes } from "./files.ts";
import { type Image, resizeBilinear } from "./image.ts";
import { decodeJpeg } from "./jpeg.ts";
import { encodeLabels } from "./labels.ts";
import { DEFAULT_MAXIMUM_BYTES, type ReadOptions } from "./options.ts";
import { decodePng } from "./png.ts";
import type { Labels, Samples } from "./samples.ts";

/**
 * PNG and JPEG images: one sub-folder per class, or a labels.csv with the columns file and label. Files whose name starts with
 * a dot are passed over; any other file that is no image is refused. Throws SHAPE_MISMATCH for mixed sizes, channels or depths.
 */
export async function samplesOfFolder(folder: string, options: ReadOptions): Promise<Samples> {
  const { maximumBytes = DEFAULT_MAXIMUM_BYTES, layout = "NCHW" } = options;
  const { files, labels, digests } = await listingOf(folder, maximumBytes);
  const root = await realpath(folder);
  let first: Image | undefined;
  let data = new Float32Array();
  for (const [i, file] of files.entries()) {
    const where = join(folder, file);
    await refuseOutside(root, where);
    const bytes = await readBytes(where, maximumBytes);
    digests.set(file, digestOf(bytes));
    const decoded = decodeImage(bytes, where, maximumBytes);
    const { width, height } = options.resize ?? decoded;
    const elements = elementsOf({ ...decoded, width, height }, files.length, folder, maximumBytes);
    if (!first) data = new Float32Array(elements);
    const image = resizeBilinear(decoded, width, height);
    first ??= image;
    refuseDifferent(image, first, where, files[0]!);
    place(image, data, i, layout);
  }
  if (!first) throw new DataError("EMPTY", `${folder}: expected images, got none`);
  const { width, height, channels, depth } = first;
  const shape = layout === "NCHW" ? [files.length, channels, height, width] : [files.length, height, width, channels];
  return { shape, data, labels, sourceDtype: `uint${depth}`, sha256: digestOfListing(digests) };
}

interface Listing {
  /** Relative to the folder, with "/". */
  readonly files: readonly string[];
  readonly labels: Labels;
  /** Hex digests of what has been read, by name. */
  readonly digests: Map<string, string>;
}

async function listingOf(folder: string, maximumBytes: number): Promise<Listing> {
  const names = await visibleNames(folder);
  if (names.includes("labels.csv")) return listedInCsv(folder, maximumBytes);
  const files: string[] = [];
  for (const name of names) {
    if ((await kindOf(join(folder, name))) === "file") {
      throw new DataError(
        "UNKNOWN_FORMAT",
        `${folder}: expected a sub-folder per class or a labels.csv, got the file '${name}'`,
      );
    }
    files.push(...(await visibleNames(join(folder, name))).map((file) => `${name}/${file}`));
  }
  const positions = new Map(names.map((name, position) => [name, position]));
  const labels = Int32Array.from(files, (file) => positions.get(file.slice(0, file.indexOf("/")))!);
  return { files, labels: { labels, labelNames: names }, digests: new Map() };
}

async function listedInCsv(folder: string, maximumBytes: number): Promise<Listing> {
  const path = join(folder, "labels.csv");
  await refuseOutside(await realpath(folder), path);
  const bytes = await readBytes(path, maximumBytes);
  const { names, rows } = parseCsv(bytes, path);
  const [file, label] = [names.indexOf("file"), names.indexOf("label")];
  if (file < 0 || label < 0) {
    throw new DataError(
      "MISSING_COLUMN",
      `${path}: expected the columns file and label, got ${names.slice(0, 20).join(", ")}`,
    );
  }
  const values = rows.map((row) => row[label]);
  return {
    files: rows.map((row) => String(row[file])),
    labels: encodeLabels(values, (i) => `${path}, row ${i + 1}`),
    digests: new Map([["labels.csv", digestOf(bytes)]]),
  };
}

async function visibleNames(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).filter((name) => !name.startsWith(".")).sort();
  } catch (cause) {
    throw new DataError("UNREADABLE_FILE", `${folder}: expected a readable folder`, { cause });
  }
}

/** A name in labels.csv, or a link, may point anywhere. */
async function refuseOutside(root: string, path: string): Promise<void> {
  if ((await kindOf(path)) !== "file") throw new DataError("UNKNOWN_FORMAT", `${path}: expected a file, got a folder`);
  if (!(await realpath(path)).startsWith(root.endsWith(sep) ? root : root + sep)) {
    throw new DataError("UNSAFE_PATH", `${path}: expected a file inside ${root}, got one outside`);
  }
}

function decodeImage(bytes: Uint8Array, where: string, maximumBytes: number): Image {
  const starts = Buffer.from(bytes.subarray(0, 8)).toString("latin1");
  if (starts === "\x89PNG\r\n\x1a\n") return decodePng(bytes, where, maximumBytes);
  if (starts.startsWith("\xff\xd8\xff")) return decodeJpeg(bytes, where);
  throw new DataError("UNKNOWN_FORMAT", `${where}: expected a PNG or JPEG image, got something else`);
}

function elementsOf({ width, height, channels }: Image, count: number, folder: string, maximumBytes: number): number {
  const elements = count * width * height * channels;
  if (elements * 4 <= maximumBytes) return elements;
  const message = `expected at most ${maximumBytes} bytes, got ${elements * 4} for ${count} images of ${width} × ${height}`;
  throw new DataError("LIMIT_EXCEEDED", `${folder}: ${message}`);
}

function refuseDifferent(image: Image, first: Image, where: string, firstFile: string): void {
  const [got, expected] = [image, first].map(
    ({ width, height, channels, depth }) => `${width} × ${height} with ${channels} channels of ${depth} bits`,
  );
  if (got !== expected)
    throw new DataError("SHAPE_MISMATCH", `${where}: expected ${expected} as ${firstFile}, got ${got}`);
}

function place(
  { width, height, channels, data: pixels }: Image,
  data: Float32Array,
  i: number,
  layout: "NCHW" | "NHWC",
): void {
  const area = width * height;
  const start = i * area * channels;
  for (let at = 0; at < area * channels; at++) {
    const target = layout === "NHWC" ? at : (at % channels) * area + Math.floor(at / channels);
    data[start + target] = pixels[at]!;
  }
}

function digestOfListing(digests: ReadonlyMap<string, string>): string {
  const lines = [...digests].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, digest]) => `${digest}  ${name}\n`);
  return digestOf(new TextEncoder().encode(lines.join("")));
}

function digestOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
