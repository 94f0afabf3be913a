import { readFile } from "node:fs/promises";
import { AttributeProto_AttributeType as AttributeType } from "../../src/generated/onnx-ml_pb.ts";
import { float32, graphAttribute, identity, modelBytes, rawFloats, type TensorInit } from "../model-bytes.ts";

/** Models to damage: two that PyTorch exported, and one that holds what those do not. */
export async function seeds(): Promise<readonly Uint8Array[]> {
  const exported = ["rnn", "transformer"].map((name) =>
    readFile(new URL(`../vectors/networks/${name}.onnx`, import.meta.url)),
  );
  return [...(await Promise.all(exported)), everything(), everything(), everything()];
}

/** Functions, branches, external and sparse weights, old operators, every kind of attribute; `weights.bin` has 4 KiB. */
function everything(): Uint8Array {
  const dims = (...sizes: bigint[]) => ({
    dim: sizes.map((value) => ({ value: { case: "dimValue" as const, value } })),
  });
  const declared = (name: string, ...sizes: bigint[]) => ({
    name,
    type: { value: { case: "tensorType" as const, value: { elemType: 1, shape: dims(...sizes) } } },
  });
  const branch = (name: string) =>
    graphAttribute(name, {
      name,
      node: [
        identity("a", `${name}/u`),
        {
          opType: "Clip",
          input: [`${name}/u`],
          output: [`${name}/y`],
          attribute: [{ name: "min", type: AttributeType.FLOAT, f: -1 }],
        },
      ],
      initializer: [float32(`${name}/w`, [1], { rawData: rawFloats(1) })],
      output: [{ name: `${name}/y` }],
    });
  const text = (value: string) => new TextEncoder().encode(value);
  return modelBytes(
    {
      name: "everything",
      input: [declared("x", 2n, 3n), declared("w", 3n)],
      output: [
        declared("y", 2n, 3n),
        { name: "z", type: { value: { case: "sequenceType", value: { elemType: declared("", 1n).type } } } },
      ],
      valueInfo: [declared("a", 2n, 3n)],
      initializer: [
        float32("w", [3], { floatData: [1, 2, 3] }),
        external("e", 3, { location: "weights.bin", offset: "8", length: "12" }),
        { name: "always", dataType: 9, dims: [], int32Data: [1] },
        { name: "h", dataType: 10, dims: [2n], int32Data: [0x3c00, 0] },
        { name: "n", dataType: 7, dims: [2n], int64Data: [2n, 3n] },
        { name: "words", dataType: 8, dims: [2n], stringData: [text("one"), text("two")] },
      ],
      sparseInitializer: [
        {
          values: float32("s", [2], { rawData: rawFloats(1, 2) }),
          indices: { dims: [2n], dataType: 7, int64Data: [0n, 4n] },
          dims: [2n, 3n],
        },
      ],
      node: [
        {
          name: "f",
          opType: "F",
          domain: "local",
          input: ["x"],
          output: ["f"],
          attribute: [{ name: "alpha", type: AttributeType.FLOAT, f: 3 }],
        },
        { name: "add", opType: "Add", input: ["f", "s"], output: ["a"] },
        {
          name: "if",
          opType: "If",
          input: ["always"],
          output: ["b"],
          attribute: [branch("then_branch"), branch("else_branch")],
        },
        {
          name: "sum",
          opType: "ReduceSum",
          input: ["b"],
          output: ["c"],
          attribute: [{ name: "axes", type: AttributeType.INTS, ints: [0n] }],
        },
        {
          name: "top",
          opType: "TopK",
          input: ["b"],
          output: ["t", "i"],
          attribute: [{ name: "k", type: AttributeType.INT, i: 2n }],
        },
        {
          name: "pad",
          opType: "Pad",
          input: ["c"],
          output: ["p"],
          attribute: [
            { name: "pads", type: AttributeType.INTS, ints: [0n, 1n] },
            { name: "mode", type: AttributeType.STRING, s: text("edge") },
          ],
        },
        {
          name: "up",
          opType: "Upsample",
          input: ["b"],
          output: ["u"],
          attribute: [{ name: "scales", type: AttributeType.FLOATS, floats: [2, 2] }],
        },
        { name: "soft", opType: "Softmax", input: ["u"], output: ["y"] },
        {
          name: "list",
          opType: "SequenceConstruct",
          input: ["e"],
          output: ["z"],
          attribute: [{ name: "names", type: AttributeType.STRINGS, strings: [text("a")] }],
        },
      ],
    },
    {
      irVersion: 8n,
      opsetImport: [
        { domain: "", version: 9n },
        { domain: "local", version: 1n },
      ],
      metadataProps: [{ key: "k", value: "v" }],
      functions: [
        {
          name: "F",
          domain: "local",
          input: ["a"],
          output: ["b"],
          attribute: ["alpha"],
          opsetImport: [{ domain: "", version: 9n }],
          node: [
            {
              opType: "Elu",
              input: ["a"],
              output: ["e"],
              attribute: [{ name: "alpha", type: AttributeType.FLOAT, refAttrName: "alpha" }],
            },
            identity("e", "b"),
          ],
        },
      ],
    },
  );
}

function external(name: string, elements: number, entries: Readonly<Record<string, string>>): TensorInit {
  return float32(name, [elements], {
    dataLocation: 1,
    externalData: Object.entries(entries).map(([key, value]) => ({ key, value })),
  });
}
