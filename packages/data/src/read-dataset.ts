import { createHash } from "node:crypto";
import { sizeOf } from "@casemate/tensor";
import { parseCsv } from "./csv.ts";
import { DataError } from "./data-error.ts";
import { type Dataset, rangeOf } from "./dataset.ts";
import { kindOf, readBytes } from "./files.ts";
import { samplesOfFolder } from "./image-folder.ts";
import { samplesOfJsonLines } from "./json-lines.ts";
import { decodeNpy } from "./npy.ts";
import { samplesOfArrays, samplesOfNpz } from "./npz.ts";
import { checkOptions, DEFAULT_MAXIMUM_BYTES, type ReadOptions } from "./options.ts";
import type { Samples } from "./samples.ts";
import { samplesOfTable } from "./table.ts";

/**
 * Reads labelled samples from an .npz or .npy file, a folder of images, a CSV file or JSON lines, told apart by their content
 * (text by its suffix). Nothing is scaled or filled in unless an option says so. Throws a DataError.
 */
export async function readDataset(path: string, options: ReadOptions = {}): Promise<Dataset> {
  checkOptions(options);
  const { shape, data, labels, sha256, sourceDtype, featureNames } = await readSamples(path, options);
  requireSamples(path, shape, labels.labels, options);
  const { scale = 1 } = options;
  if (scale !== 1) for (let i = 0; i < data.length; i++) data[i]! *= scale;
  requireFinite(path, shape, data, featureNames);
  const x = { dtype: "float32", shape, data } as const;
  return { x, ...labels, ...(featureNames && { featureNames }), range: rangeOf(data), sourceDtype, path, sha256 };
}

async function readSamples(path: string, options: ReadOptions): Promise<Samples> {
  const { maximumBytes = DEFAULT_MAXIMUM_BYTES } = options;
  if ((await kindOf(path)) === "folder") return samplesOfFolder(path, options);
  const bytes = await readBytes(path, maximumBytes);
  if (bytes.length === 0) throw new DataError("EMPTY", `${path}: expected a data set, got an empty file`);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const starts = Buffer.from(bytes.subarray(0, 6)).toString("latin1");
  if (starts.startsWith("PK\x03\x04") || starts.startsWith("PK\x05\x06"))
    return { ...samplesOfNpz(bytes, path, options), sha256 };
  if (starts === "\x93NUMPY") {
    const labelsFile = options.labelsFile;
    if (!labelsFile)
      throw new DataError(
        "MISSING_COLUMN",
        `${path}: expected the option labelsFile with the labels' .npy file, got none`,
      );
    const labels = {
      array: decodeNpy(await readBytes(labelsFile, maximumBytes), labelsFile, maximumBytes),
      where: labelsFile,
    };
    const samples = { array: decodeNpy(bytes, path, maximumBytes), where: path };
    return { ...samplesOfArrays(samples, labels, maximumBytes), sha256 };
  }
  if (/\.(csv|tsv)$/i.test(path)) {
    return { ...samplesOfTable(parseCsv(bytes, path, options.delimiter), path, options), sha256 };
  }
  if (/\.(jsonl|ndjson)$/i.test(path)) return { ...samplesOfJsonLines(bytes, path, options), sha256 };
  throw new DataError(
    "UNKNOWN_FORMAT",
    `${path}: expected npz, npy, CSV, JSON lines or a folder of images, got something else`,
  );
}

function requireSamples(path: string, shape: readonly number[], labels: Int32Array, { classes }: ReadOptions): void {
  if (labels.length === 0 || sizeOf(shape) === 0) {
    throw new DataError("EMPTY", `${path}: expected labelled samples, got [${shape}] and ${labels.length} labels`);
  }
  const wrong = classes === undefined ? -1 : labels.findIndex((label) => label >= classes);
  if (wrong >= 0) {
    throw new DataError(
      "BAD_LABEL",
      `${path}: expected labels from 0 to ${classes! - 1}, got ${labels[wrong]} at sample ${wrong}`,
    );
  }
}

function requireFinite(path: string, shape: readonly number[], data: Float32Array, names?: readonly string[]): void {
  const wrong = data.findIndex((number) => !Number.isFinite(number));
  if (wrong < 0) return;
  const width = sizeOf(shape.slice(1));
  const column = names?.[wrong % width] ?? `${wrong % width}`;
  const place = `sample ${Math.floor(wrong / width)}, column ${column}`;
  throw new DataError("NOT_FINITE", `${path}: expected finite float32 numbers, got ${data[wrong]} at ${place}`);
}
