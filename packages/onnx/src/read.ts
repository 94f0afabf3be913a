import { realpathSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { fromBinary } from "@bufbuild/protobuf";
import { WireType } from "@bufbuild/protobuf/wire";
import { checkModel } from "./check.ts";
import { OnnxError } from "./errors.ts";
import { type ModelProto, ModelProtoSchema, TensorProtoSchema } from "./generated/onnx-ml_pb.ts";
import { defaultLimits, type Limits } from "./limits.ts";
import type { Model } from "./model.ts";
import { readFunction, readGraph, readOpsets } from "./read-graph.ts";
import type { ReadContext } from "./read-tensor.ts";
import { checkWireFormat } from "./wire.ts";

export interface ReadOptions {
  readonly limits?: Partial<Limits>;
}

export interface ParseOptions extends ReadOptions {
  /** Absolute path of the file that the bytes are from, free of symbolic links. */
  readonly path?: string;
  /** Absolute folder that external data must lie in, free of symbolic links. */
  readonly folder?: string;
}

/** Reads and checks an .onnx file. Whatever is wrong with it becomes an OnnxError. External data is located, not read. */
export async function readModel(path: string, { limits }: ReadOptions = {}): Promise<Model> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, "r");
    const { mtimeMs: modified } = await file.stat();
    const bytes = await readWhole(file, path, limits?.fileBytes ?? defaultLimits.fileBytes);
    const place = { path: realpathSync(path), folder: realpathSync(dirname(resolve(path))) };
    const { source = { bytes }, ...model } = parseModel(bytes, { ...place, ...(limits && { limits }) });
    return { ...model, source: { ...source, modified } };
  } catch (error) {
    if (error instanceof OnnxError) {
      throw error;
    }
    throw new OnnxError("UNREADABLE_FILE", `${path}: expected a file that can be read, got ${messageOf(error)}`, {
      cause: error,
    });
  } finally {
    await file?.close();
  }
}

/** Decodes and checks the bytes of an .onnx file; weights stay views on `given`, which must not change afterwards. */
export function parseModel(given: Uint8Array, { path, folder, limits }: ParseOptions = {}): Model {
  const bytes = new Uint8Array(given.buffer, given.byteOffset, given.byteLength); // a Buffer's views would be Buffers
  const context: ReadContext = {
    limits: { ...defaultLimits, ...limits },
    folder,
    files: new Map(),
    used: { nodes: 0, denseBytes: 0 },
  };
  const proto = decode(bytes, context.limits);
  if (!proto.graph) {
    throw new OnnxError("MALFORMED_MODEL", `model: expected a graph, got none${guessFormat(bytes)}`);
  }
  const original = checkModel({
    irVersion: Number(proto.irVersion),
    opsets: readOpsets(proto.opsetImport, "model"),
    producer: `${proto.producerName} ${proto.producerVersion}`.trim(),
    metadata: new Map(proto.metadataProps.map(({ key, value }) => [key, value])),
    graph: readGraph(proto.graph, 0, context),
    functions: proto.functions.map((definition) => readFunction(definition, context)),
  });
  return { ...original, source: { ...(path && { path }), ...(folder && { folder }), bytes, original } };
}

function decode(bytes: Uint8Array, limits: Limits): ModelProto {
  if (bytes.length === 0) {
    throw new OnnxError("MALFORMED_MODEL", "model: expected an ONNX file, got an empty one");
  }
  if (bytes.length > limits.fileBytes) {
    throw tooLarge("model", bytes.length, limits.fileBytes);
  }
  try {
    return decodeMessage(bytes, checkWireFormat(bytes, limits));
  } catch (error) {
    if (error instanceof OnnxError && error.code === "LIMIT_EXCEEDED") {
      throw error;
    }
    throw new OnnxError("MALFORMED_MODEL", `not an ONNX model: ${messageOf(error)}${guessFormat(bytes)}`, {
      cause: error,
    });
  }
}

/**
 * Decodes with float_data renamed raw_data where both would hold the same bytes, so that those weights stay views on the
 * file and need not pass through arrays of numbers. The bytes are afterwards as they were.
 */
function decodeMessage(bytes: Uint8Array, packedFloats: readonly number[]): ModelProto {
  const tags = packedFloats.map((position) => bytes[position] ?? 0);
  for (const position of packedFloats) {
    bytes[position] = RAW_DATA_TAG;
  }
  try {
    return fromBinary(ModelProtoSchema, bytes);
  } finally {
    for (const [index, position] of packedFloats.entries()) {
      bytes[position] = tags[index] ?? 0;
    }
  }
}

const RAW_DATA_TAG = (TensorProtoSchema.field.rawData.number << 3) | WireType.LengthDelimited;

async function readWhole(file: FileHandle, path: string, limit: number): Promise<Uint8Array> {
  const stats = await file.stat();
  if (!stats.isFile()) {
    throw new OnnxError(
      "UNREADABLE_FILE",
      `${path}: expected a regular file, got ${stats.isDirectory() ? "a folder" : "something else"}`,
    );
  }
  if (stats.size > limit) {
    throw tooLarge(path, stats.size, limit);
  }
  const bytes = new Uint8Array(stats.size);
  let position = 0;
  while (position < bytes.length) {
    const { bytesRead } = await file.read(bytes, position, Math.min(bytes.length - position, READ_BLOCK), position);
    if (bytesRead === 0) {
      throw new OnnxError("UNREADABLE_FILE", `${path}: expected ${bytes.length} bytes, got ${position}`);
    }
    position += bytesRead;
  }
  return bytes;
}

const READ_BLOCK = 2 ** 30; // one read call takes at most 2 GiB − 1

function tooLarge(where: string, got: number, limit: number): OnnxError {
  return new OnnxError(
    "LIMIT_EXCEEDED",
    `${where}: expected at most ${limit} bytes, got ${got}; larger models keep weights in external data`,
  );
}

/** Names what people feed by mistake. */
function guessFormat(bytes: Uint8Array): string {
  const start = String.fromCharCode(...bytes.subarray(0, 32));
  const known = formats.find(([magic]) => start.startsWith(magic));
  return known ? `; it looks like ${known[1]}` : "";
}

const formats: readonly (readonly [magic: string, format: string])[] = [
  ["PK\x03\x04", "a zip archive (PyTorch .pt, Keras .keras or NumPy .npz)"],
  ["\x89HDF\r\n", "an HDF5 file (Keras .h5)"],
  ["\x80\x02", "a pickle"],
  ["\x80\x03", "a pickle"],
  ["\x80\x04", "a pickle"],
  ["\x80\x05", "a pickle"],
  ["version https://git-lfs", "a Git LFS pointer whose file was not fetched"],
  ["<!DOCTYPE", "a web page"],
  ["<html", "a web page"],
];

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
