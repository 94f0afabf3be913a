import { mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AttributeProto_AttributeType as AttributeType, ModelProtoSchema } from "../src/generated/onnx-ml_pb.ts";
import { parseModel, readModel } from "../src/read.ts";
import {
  float32,
  type GraphInit,
  graphAttribute,
  identity,
  modelBytes,
  rawFloats,
  type TensorInit,
} from "./model-bytes.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "casemate-check-"));
});
afterAll(() => rm(folder, { recursive: true }));

describe("what is wrong is refused, saying where, what was expected and what was found", () => {
  const weight = (fields: TensorInit): GraphInit => ({ initializer: [{ name: "w", dataType: 1, ...fields }] });
  const nested = (depth: number): GraphInit => ({
    node: [{ opType: "If", attribute: [graphAttribute("then_branch", depth === 0 ? {} : nested(depth - 1))] }],
  });

  test.each<[string, string, GraphInit, RegExp]>([
    [
      "bytes that do not fill the shape",
      "MALFORMED_MODEL",
      weight({ dims: [3n], rawData: rawFloats(1, 2) }),
      /'w': expected 12 bytes .* got 8/,
    ],
    [
      "a negative dimension",
      "MALFORMED_MODEL",
      weight({ dims: [-1n], rawData: rawFloats(1) }),
      /'w': expected dimensions .* got -1/,
    ],
    [
      "dimensions whose product overflows",
      "MALFORMED_MODEL",
      weight({ dims: [2n ** 32n, 2n ** 32n] }),
      /'w': expected a shape that memory can hold/,
    ],
    ["an absurd dimension", "MALFORMED_MODEL", weight({ dims: [2n ** 62n, 0n] }), /got 4611686018427387904/],
    ["too many axes", "LIMIT_EXCEEDED", weight({ dims: Array(65).fill(1n) }), /at most 64 axes, got 65/],
    ["an unknown element type", "MALFORMED_MODEL", weight({ dataType: 99, dims: [0n] }), /got number 99/],
    [
      "numbers in two fields",
      "MALFORMED_MODEL",
      weight({ dims: [1n], floatData: [1], rawData: rawFloats(1) }),
      /got rawData, floatData/,
    ],
    [
      "numbers in the field of another type",
      "MALFORMED_MODEL",
      weight({ dims: [1n], int64Data: [1n] }),
      /got int64Data/,
    ],
    [
      "strings as raw bytes",
      "MALFORMED_MODEL",
      weight({ dataType: 8, dims: [1n], rawData: rawFloats(1) }),
      /got rawData/,
    ],
    [
      "two initializers of one name",
      "MALFORMED_MODEL",
      {
        initializer: [weight({}), weight({})]
          .flatMap(({ initializer = [] }) => initializer)
          .map((each) => ({ ...each, dims: [0n] })),
      },
      /a name of its own, got 'w'/,
    ],
    [
      "an initializer without a name",
      "MALFORMED_MODEL",
      { initializer: [float32("", [0])] },
      /a name of its own, got ''/,
    ],
    [
      "an output made twice",
      "MALFORMED_MODEL",
      { node: [identity("x", "a"), identity("x", "a")] },
      /one definition of value 'a', got another by Identity 'a'/,
    ],
    [
      "an output that is an input's name",
      "MALFORMED_MODEL",
      { node: [identity("x", "x")] },
      /one definition of value 'x'/,
    ],
    [
      "two inputs of one name",
      "MALFORMED_MODEL",
      { input: [{ name: "x" }, { name: "x" }] },
      /one definition of value 'x'/,
    ],
    ["an input without a name", "MALFORMED_MODEL", { input: [{ name: "x" }, { name: "" }] }, /a name for each input/],
    [
      "a value that nothing makes",
      "MALFORMED_MODEL",
      { node: [identity("ghost", "a")] },
      /Identity 'a': expected inputs that exist, got 'ghost'/,
    ],
    [
      "an output that nothing makes",
      "MALFORMED_MODEL",
      { output: [{ name: "ghost" }] },
      /got 'ghost' that nothing makes/,
    ],
    ["an output twice", "MALFORMED_MODEL", { output: [{ name: "x" }, { name: "x" }] }, /got 'x' twice/],
    [
      "a cycle",
      "MALFORMED_MODEL",
      { node: [identity("x", "a"), { ...identity("c", "b"), input: ["a", "c"] }, identity("b", "c")] },
      /no cycle, got Identity 'b' → Identity 'c'|Identity 'c' → Identity 'b'/,
    ],
    ["a node that reads itself", "MALFORMED_MODEL", { node: [identity("a", "a")] }, /no cycle, got Identity 'a'/],
    [
      "a branch that redefines a value",
      "MALFORMED_MODEL",
      {
        node: [
          { opType: "If", output: ["y"], attribute: [graphAttribute("then_branch", { node: [identity("x", "y")] })] },
        ],
      },
      /If 'y', then_branch: expected one definition of value 'y'/,
    ],
    [
      "a node without an operator",
      "MALFORMED_MODEL",
      { node: [{ name: "n", output: ["a"] }] },
      /node 'n': expected an operator/,
    ],
    [
      "a domain that is not imported",
      "MALFORMED_MODEL",
      { node: [{ ...identity("x", "a"), domain: "com.example" }] },
      /opset import for domain 'com.example'/,
    ],
    [
      "two attributes of one name",
      "MALFORMED_MODEL",
      {
        node: [
          { ...identity("x", "a"), attribute: [1n, 2n].map((i) => ({ name: "axis", type: AttributeType.INT, i })) },
        ],
      },
      /attribute to have a name of its own, got 'axis'/,
    ],
    [
      "a tensor attribute without a tensor",
      "MALFORMED_MODEL",
      { node: [{ ...identity("x", "a"), attribute: [{ name: "value", type: AttributeType.TENSOR }] }] },
      /attribute 'value': expected a value/,
    ],
    [
      "an attribute without a type",
      "UNSUPPORTED_OPERATOR",
      { node: [{ ...identity("x", "a"), attribute: [{ name: "value" }] }] },
      /attribute type 0/,
    ],
    [
      "too many attributes",
      "LIMIT_EXCEEDED",
      {
        node: [
          {
            ...identity("x", "a"),
            attribute: Array.from({ length: 1001 }, (_, i) => ({ name: `a${i}`, type: AttributeType.INT })),
          },
        ],
      },
      /at most 1000 attributes, got 1001/,
    ],
    ["graphs nested too deep", "LIMIT_EXCEEDED", nested(20), /graphs nested at most 16 deep/],
    ["messages nested too deep", "LIMIT_EXCEEDED", nested(60), /messages nested at most 90 deep/],
    [
      "a sparse tensor that grows too large",
      "LIMIT_EXCEEDED",
      {
        sparseInitializer: [
          { values: float32("s", [0]), indices: { dims: [0n], dataType: 7 }, dims: [2n ** 20n, 2n ** 10n] },
        ],
      },
      /at most 268435456 bytes when dense/,
    ],
    [
      "a sparse index outside its tensor",
      "MALFORMED_MODEL",
      {
        sparseInitializer: [
          {
            values: float32("s", [1], { rawData: rawFloats(1) }),
            indices: { dims: [1n], dataType: 7, int64Data: [4n] },
            dims: [4n],
          },
        ],
      },
      /an index in \[0, 4\), got 4/,
    ],
  ])("%s", (_, code, graph, message) => {
    expect(() => parseModel(modelBytes(graph))).toThrow(
      expect.objectContaining({ name: "OnnxError", code, message: expect.stringMatching(message) }),
    );
  });

  test.each([
    ["an IR that is too old", { irVersion: 2n }, /IR version 3 to 13, got 2/],
    ["an IR that is too new", { irVersion: 14n }, /IR version 3 to 13, got 14/],
    [
      "an opset that is too old",
      { opsetImport: [{ domain: "ai.onnx", version: 6n }] },
      /opset of ai.onnx 7 to 26, got 6/,
    ],
    ["an opset that is too new", { opsetImport: [{ domain: "", version: 27n }] }, /opset of ai.onnx 7 to 26, got 27/],
  ])("%s", (_, fields, message) => {
    expect(() => parseModel(modelBytes({}, fields))).toThrow(
      expect.objectContaining({ code: "UNSUPPORTED_VERSION", message: expect.stringMatching(message) }),
    );
  });

  test.each([
    ["nothing", new Uint8Array(), /an empty one/],
    ["no graph", toBinary(ModelProtoSchema, create(ModelProtoSchema, { irVersion: 8n })), /expected a graph, got none/],
    ["a zip archive", new TextEncoder().encode("PK\x03\x04 and more"), /looks like a zip archive/],
    ["a Git LFS pointer", new TextEncoder().encode("version https://git-lfs.github.com/spec/v1\n"), /Git LFS pointer/],
    ["a length beyond the file", Uint8Array.of(0x3a, 0x7f, 0x00), /graph at byte 2: expected at most 1 bytes, got 127/],
    [
      "a message that ends in another's",
      Uint8Array.of(0x3a, 0x03, 0x0a, 0x05, 0x00, 0x00, 0x00, 0x00),
      /node at byte 4: expected at most 1 bytes, got 5/,
    ],
    [
      "a wire type that the field has not",
      Uint8Array.of(0x39, 0, 0, 0, 0, 0, 0, 0, 0),
      /graph at byte 1: expected wire type 2, got 1/,
    ],
    [
      "a name that is not UTF-8",
      Uint8Array.of(0x3a, 0x04, 0x12, 0x02, 0xc3, 0x28),
      /name at byte 4: expected text in UTF-8/,
    ],
  ])("%s", (_, bytes, message) => {
    expect(() => parseModel(bytes)).toThrow(
      expect.objectContaining({ code: "MALFORMED_MODEL", message: expect.stringMatching(message) }),
    );
  });

  test("every file that ends too early", async () => {
    const whole = await readFile(new URL("vectors/networks/rnn.onnx", import.meta.url));
    for (let length = 0; length < whole.length; length += 17) {
      expect(() => parseModel(whole.subarray(0, length))).toThrow(expect.objectContaining({ name: "OnnxError" }));
    }
  });

  test("millions of empty messages, before memory runs out", () => {
    const nodes = new Uint8Array(2 ** 24).map((_, index) => (index % 2 === 0 ? 0x0a : 0)); // eight million nodes of two bytes
    const bytes = new Uint8Array(nodes.length + 5);
    bytes.set([0x3a, 0x80, 0x80, 0x80, 0x08]);
    bytes.set(nodes, 5);
    expect(() => parseModel(bytes)).toThrow(expect.objectContaining({ code: "LIMIT_EXCEEDED" }));
  });

  test.each([
    ["no such file", "missing.onnx", "UNREADABLE_FILE"],
    ["a folder", ".", "UNREADABLE_FILE"],
  ])("%s", async (_, name, code) => {
    await expect(readModel(join(folder, name))).rejects.toMatchObject({ name: "OnnxError", code });
  });

  test("a file above the limit, without reading it", async () => {
    const path = join(folder, "sparse.onnx");
    await writeFile(path, "");
    await truncate(path, 2 ** 31);
    await expect(readModel(path)).rejects.toMatchObject({
      code: "LIMIT_EXCEEDED",
      message: expect.stringContaining("external data"),
    });
  });
});
