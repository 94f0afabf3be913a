import { type AnyTensor, float16ToFloat32, type Tensor } from "@casemate/tensor";
import { zipSync } from "fflate";
import { DataError } from "./data-error.ts";
import { readBytes, writeWhole } from "./files.ts";
import { wholeLabels } from "./labels.ts";
import { decodeNpy, encodeNpy } from "./npy.ts";
import { DEFAULT_MAXIMUM_BYTES, type ReadOptions } from "./options.ts";
import type { Samples } from "./samples.ts";
import { listZip, type ZipEntry } from "./zip.ts";

/** All arrays of an .npz file by name, in their own dtypes. Throws a DataError, LIMIT_EXCEEDED before unpacking too much. */
export async function readNpz(path: string, maximumBytes = DEFAULT_MAXIMUM_BYTES): Promise<Map<string, AnyTensor>> {
  const entries = listNpz(await readBytes(path, maximumBytes), path);
  const total = [...entries.values()].reduce((sum, { size }) => sum + size, 0);
  if (total > maximumBytes) throw tooLarge(path, maximumBytes, total);
  return new Map([...entries].map(([name, entry]) => [name, decodeNpy(entry.unpack(), `${path}, '${name}'`)]));
}

/** Writes arrays to an .npz file, deflated; it appears whole or not at all. Throws UNWRITABLE_FILE, UNSUPPORTED_FORMAT. */
export async function writeNpz(path: string, arrays: Readonly<Record<string, AnyTensor>>): Promise<void> {
  const files = Object.entries(arrays).map(([name, array]) => [`${name}.npy`, encodeNpy(array)] as const);
  await writeWhole(path, zipSync(Object.fromEntries(files), { mtime: FIXED_TIME }));
}

/** Samples and labels of an .npz file. */
export function samplesOfNpz(bytes: Uint8Array, path: string, options: ReadOptions): Omit<Samples, "sha256"> {
  const { maximumBytes = DEFAULT_MAXIMUM_BYTES } = options;
  const entries = listNpz(bytes, path);
  const [x, y] = namesOf(entries, path, options);
  const [samples, labels] = [x, y].map((name) => {
    const entry = entries.get(name)!;
    if (entry.size > maximumBytes) throw tooLarge(`${path}, '${name}'`, maximumBytes, entry.size);
    return decodeNpy(entry.unpack(), `${path}, '${name}'`, maximumBytes);
  });
  return samplesOfArrays(
    { array: samples!, where: `${path}, '${x}'` },
    { array: labels!, where: `${path}, '${y}'` },
    maximumBytes,
  );
}

interface Located {
  readonly array: AnyTensor;
  readonly where: string;
}

/** Samples and labels from an array of each. Throws SHAPE_MISMATCH, BAD_LABEL, LIMIT_EXCEEDED. */
export function samplesOfArrays(x: Located, y: Located, maximumBytes: number): Omit<Samples, "sha256"> {
  const { shape, dtype, data } = x.array;
  const count = y.array.shape[0];
  if (shape.length < 2)
    throw new DataError("SHAPE_MISMATCH", `${x.where}: expected [n, …] with n samples, got [${shape}]`);
  if (y.array.shape.slice(1).some((size) => size !== 1) || count !== shape[0]) {
    throw new DataError(
      "SHAPE_MISMATCH",
      `${y.where}: expected one label for each of ${shape[0]} samples, got [${y.array.shape}]${
        count === shape[0] ? "; several labels for a sample (multi-label) are not taken" : ""
      }`,
    );
  }
  if (data.length * 4 > maximumBytes) throw tooLarge(x.where, maximumBytes, data.length * 4);
  const labels = wholeLabels(toNumbers(y), (i) => `${y.where}, label ${i}`);
  return { shape, data: toFloat32(x), labels: { labels }, sourceDtype: dtype };
}

const FIXED_TIME = "1980-01-01T00:00:00"; // local time, as zip stores it: the same arrays give the same bytes everywhere
const PAIRS = [
  ["x", "y"],
  ["X", "Y"],
  ["X", "y"],
  ["images", "labels"],
  ["data", "target"],
] as const;

/** The names of samples and labels among `names`: as the options say, else the first usual pair. Throws MISSING_COLUMN. */
export function pairAmong(names: readonly string[], where: string, { x, y }: ReadOptions): readonly [string, string] {
  const pairs = PAIRS.map(([first, second]) => [x ?? first, y ?? second] as const);
  const pair = pairs.find((candidate) => candidate.every((name) => names.includes(name)));
  if (pair) return pair;
  const expected = x !== undefined && y !== undefined ? [[x, y]] : pairs;
  const listed = expected.map((names) => names.join(" and ")).join(", or ");
  throw new DataError(
    "MISSING_COLUMN",
    `${where}: expected ${listed}, got ${names.slice(0, 20).join(", ") || "nothing"}`,
  );
}

function namesOf(
  entries: ReadonlyMap<string, ZipEntry>,
  path: string,
  options: ReadOptions,
): readonly [string, string] {
  return pairAmong([...entries.keys()], path, options);
}

function listNpz(bytes: Uint8Array, path: string): Map<string, ZipEntry> {
  const arrays = listZip(bytes, path).filter(({ name }) => name.endsWith(".npy"));
  const entries = new Map(arrays.map((entry) => [entry.name.slice(0, -".npy".length), entry]));
  if (entries.size < arrays.length)
    throw new DataError("MALFORMED_FILE", `${path}: expected every array once, got two of a name`);
  return entries;
}

function toFloat32({ array, where }: Located): Float32Array {
  return array.dtype === "float32" ? (array as Tensor).data : Float32Array.from(toNumbers({ array, where }));
}

function toNumbers({ array: { dtype, data }, where }: Located): ArrayLike<number> {
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) return Float64Array.from(data, Number);
  if (dtype === "float16" && data instanceof Uint16Array) return float16ToFloat32(data);
  if (Array.isArray(data)) throw new DataError("UNSUPPORTED_FORMAT", `${where}: expected numbers, got ${dtype}`);
  return data;
}

function tooLarge(where: string, maximumBytes: number, got: number): DataError {
  return new DataError("LIMIT_EXCEEDED", `${where}: expected at most ${maximumBytes} bytes unpacked, got ${got}`);
}
