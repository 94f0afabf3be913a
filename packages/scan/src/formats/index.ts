import type { Format } from "../format.ts";
import { bzip2, lz4, lzma, xz, zstd } from "./archives/compressed.ts";
import { gzip, zlib } from "./archives/gzip.ts";
import { sevenZip } from "./archives/seven-zip/seven-zip.ts";
import { tar } from "./archives/tar.ts";
import { zip } from "./archives/zip/zip.ts";
import { executable } from "./executables/executable.ts";
import { coreMl } from "./graphs/core-ml.ts";
import { onnx } from "./graphs/onnx.ts";
import { onnxTensor } from "./graphs/onnx-tensor.ts";
import { graphDef, kerasMetadata, savedModel } from "./graphs/tensorflow.ts";
import { tflite } from "./graphs/tflite.ts";
import { gguf } from "./hub/gguf/gguf.ts";
import { hdf5 } from "./hub/hdf5/hdf5.ts";
import { safetensors } from "./hub/safetensors/safetensors.ts";
import { media } from "./inert/media.ts";
import { json } from "./json/json.ts";
import { npy } from "./pickle/npy.ts";
import { pickle } from "./pickle/pickle.ts";
import { rSerialized } from "./r/serialized.ts";
import { text } from "./text/text.ts";
import { xml } from "./text/xml.ts";
import { catBoost, xgboostBinary } from "./trees/boosted-trees.ts";

/** Formats that a file is known by on its own. A file that has several is scanned as each of them, and is a polyglot. */
export const formats: readonly Format[] = [
  bzip2,
  catBoost,
  coreMl,
  executable,
  gguf,
  graphDef,
  gzip,
  hdf5,
  kerasMetadata,
  lz4,
  lzma,
  media,
  npy,
  onnx,
  onnxTensor,
  pickle,
  rSerialized,
  safetensors,
  savedModel,
  sevenZip,
  tar,
  tflite,
  xgboostBinary,
  xz,
  zip,
  zlib,
  zstd,
];

/** What a file that has none of the formats above can be: the first that fits. */
export const textFormats: readonly Format[] = [json, xml, text];
