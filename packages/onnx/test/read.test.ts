import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { AttributeProto_AttributeType as AttributeType } from "../src/generated/onnx-ml_pb.ts";
import { initializerTensor } from "../src/initializer.ts";
import { parseModel, readModel } from "../src/read.ts";
import { float32, graphAttribute, identity, modelBytes, rawFloats, type TensorInit } from "./model-bytes.ts";

describe("a whole model", () => {
  test("is read as PyTorch exported it", async () => {
    const model = await readModel(fileURLToPath(new URL("vectors/networks/rnn.onnx", import.meta.url)));
    expect(model).toMatchObject({ irVersion: 8, opsets: new Map([["", 17]]), producer: "pytorch 2.13.0" });
    expect(model.graph.inputs).toMatchObject([{ name: "input", dtype: "float32", kind: "tensor" }]);
    expect(model.graph.nodes.map(({ op }) => op)).toContain("RNN");
  });

  test("keeps weights as views on the file", () => {
    const bytes = modelBytes({ initializer: [float32("w", [2], { rawData: rawFloats(1.5, -2) })] });
    const { graph } = parseModel(bytes);
    const data = graph.initializers.get("w")?.data;
    expect(data?.type === "bytes" && data.bytes.buffer).toBe(bytes.buffer);
  });

  test("keeps packed float_data as a view too, and the file as it was", () => {
    const bytes = modelBytes({ initializer: [float32("w", [2], { floatData: [1.5, -2] })] });
    const before = bytes.slice();
    const data = parseModel(bytes).graph.initializers.get("w")?.data;
    expect(data?.type === "bytes" && data.bytes.buffer).toBe(bytes.buffer);
    expect(bytes).toEqual(before);
  });

  test.each([
    ["two blocks", [0x22, 4, ...rawFloats(1.5), 0x22, 4, ...rawFloats(-2)]],
    ["single numbers", [0x25, ...rawFloats(1.5), 0x25, ...rawFloats(-2)]],
    ["a block under a long tag", [0xa2, 0x00, 8, ...rawFloats(1.5, -2)]],
    ["a block before its type", [0x22, 8, ...rawFloats(1.5, -2), 0x10, 1]],
  ])("takes float_data written as %s", (_, fields) => {
    const tensor = [0x08, 2, 0x10, 1, 0x42, 1, 0x77, ...fields]; // dims 2, float, named w
    const graph = [0x2a, tensor.length, ...tensor];
    const bytes = Uint8Array.of(0x08, 8, 0x3a, graph.length, ...graph);
    const weight = parseModel(bytes).graph.initializers.get("w")!;
    expect(Array.from(initializerTensor(weight).data as Float32Array)).toEqual([1.5, -2]);
  });

  test("of IR 3 does not count initializers among its inputs", () => {
    const initializer = [float32("w", [1], { rawData: rawFloats(1) })];
    const input = [{ name: "x" }, { name: "w" }];
    expect(parseModel(modelBytes({ initializer, input }, { irVersion: 3n })).graph.inputs).toMatchObject([
      { name: "x" },
    ]);
  });

  test("has its nodes put in order, and only as far as needed", () => {
    const node = [identity("b", "c"), identity("x", "a"), identity("a", "b")];
    const { graph } = parseModel(modelBytes({ node }));
    expect(graph.nodes.map(({ outputs }) => outputs[0])).toEqual(["a", "b", "c"]);
  });

  test("orders a node after what its branch reads from around it", () => {
    const branch = { name: "b", node: [identity("late", "inner")], output: [{ name: "inner" }] };
    const node = [
      {
        opType: "If",
        input: ["x"],
        output: ["y"],
        attribute: ["then_branch", "else_branch"].map((name) => graphAttribute(name, branch)),
      },
      identity("x", "late"),
    ];
    expect(parseModel(modelBytes({ node })).graph.nodes.map(({ op }) => op)).toEqual(["Identity", "If"]);
  });

  test("can hold attributes named like parts of every object", () => {
    const attribute = [{ name: "__proto__", type: AttributeType.INT, i: 7n }];
    const [node] = parseModel(modelBytes({ node: [{ ...identity("x", "y"), attribute }] })).graph.nodes;
    expect(Object.entries(node?.attributes ?? {})).toEqual([["__proto__", { type: "int", value: 7 }]]);
  });
});

describe("typed fields become the numbers they hold", () => {
  test.each([
    ["float32", { dataType: 1, floatData: [1.5, -2] }, [1.5, -2]],
    ["float64", { dataType: 11, doubleData: [1 / 3, -2] }, [1 / 3, -2]],
    ["int32", { dataType: 6, int32Data: [-1, 7] }, [-1, 7]],
    ["int64", { dataType: 7, int64Data: [-(2n ** 63n), 5n] }, [-(2n ** 63n), 5n]],
    ["uint64", { dataType: 13, uint64Data: [2n ** 64n - 1n, 5n] }, [2n ** 64n - 1n, 5n]],
    ["uint32", { dataType: 12, uint64Data: [2n ** 32n - 1n, 5n] }, [2 ** 32 - 1, 5]],
    ["int8", { dataType: 3, int32Data: [-128, 127] }, [-128, 127]],
    ["uint8", { dataType: 2, int32Data: [255, 0] }, [255, 0]],
    ["int16", { dataType: 5, int32Data: [-32768, 3] }, [-32768, 3]],
    ["uint16", { dataType: 4, int32Data: [65535, 3] }, [65535, 3]],
    ["bool", { dataType: 9, int32Data: [1, 0] }, [1, 0]],
    ["float16", { dataType: 10, int32Data: [0x3c00, 0xc000] }, [0x3c00, 0xc000]],
    ["bfloat16", { dataType: 16, int32Data: [0x3f80, 0xc000] }, [0x3f80, 0xc000]],
    ["string", { dataType: 8, stringData: [new TextEncoder().encode("é"), new Uint8Array()] }, ["é", ""]],
  ] satisfies [string, TensorInit, unknown][])("%s", (dtype, fields, expected) => {
    const initializer = weightOf({ dims: [2n], ...fields });
    const read = initializerTensor(initializer);
    expect(read.dtype).toBe(dtype);
    expect(Array.from(read.data as ArrayLike<unknown>)).toEqual(expected);
  });

  test("numbers under a byte stay packed", () => {
    const { data } = weightOf({ dims: [3n], dataType: 22, int32Data: [0x21, 0x03] }); // int4: two to a byte
    expect(data).toEqual({ type: "bytes", bytes: Uint8Array.of(0x21, 0x03) });
  });

  test("sparse tensors become dense, by linear and by per-axis indices", () => {
    const values = float32("s", [2], { rawData: rawFloats(5, 7) });
    const sparse = (dims: bigint[], indices: bigint[]) => ({
      values,
      indices: { dims, dataType: 7, int64Data: indices },
      dims: [2n, 3n],
    });
    for (const sparseInitializer of [[sparse([2n], [1n, 5n])], [sparse([2n, 2n], [0n, 1n, 1n, 2n])]]) {
      const dense = parseModel(modelBytes({ sparseInitializer })).graph.initializers.get("s");
      expect(dense && Array.from(initializerTensor(dense).data as Float32Array)).toEqual([0, 5, 0, 0, 0, 7]);
    }
  });
});

function weightOf(tensor: TensorInit) {
  return parseModel(modelBytes({ initializer: [{ name: "w", ...tensor }] })).graph.initializers.get("w")!;
}
