import { mkdtemp, readdir, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { afterAll, beforeAll, expect, test } from "vitest";
import { encodeModel } from "../src/encode.ts";
import type { Model } from "../src/model.ts";
import { parseModel, readModel } from "../src/read.ts";
import { writeModel } from "../src/write.ts";
import { float32, graphAttribute, identity, modelBytes, rawFloats } from "./model-bytes.ts";

let folder = "";
beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "casemate-encode-")));
});
afterAll(() => rm(folder, { recursive: true }));

const path = fileURLToPath(new URL("vectors/networks/transformer.onnx", import.meta.url));

test("a model as read gives its own bytes back, unknown fields included", async () => {
  const known = await readFile(path);
  const unknown = new BinaryWriter().tag(9999, WireType.LengthDelimited).string("from the future").finish();
  const bytes = new Uint8Array([...known, ...unknown]);
  expect(encodeModel(parseModel(bytes))).toEqual(bytes);
});

test("a derived model reads back as the same values", async () => {
  const { source: _, ...model } = await readModel(path);
  expect(withoutSource(parseModel(encodeModel(model)))).toEqual(model);
});

test("everything that a graph can hold survives being written", () => {
  const typed = (name: string, shape: readonly (bigint | string | undefined)[]) => ({
    name,
    type: { value: { case: "tensorType" as const, value: { elemType: 1, shape: { dim: shape.map(dimension) } } } },
  });
  const bytes = modelBytes(
    {
      name: "everything",
      input: [typed("x", [2n, "n", undefined]), { name: "u" }],
      output: [
        typed("y", []),
        { name: "s", type: { value: { case: "sequenceType", value: { elemType: typed("", []).type } } } },
      ],
      initializer: [
        float32("w", [2], { rawData: rawFloats(1, 2) }),
        { name: "t", dataType: 8, dims: [1n], stringData: [new TextEncoder().encode("é")] },
        { name: "i", dataType: 22, dims: [3n], rawData: Uint8Array.of(0x21, 3) },
        float32("empty", [0]),
      ],
      node: [
        {
          ...identity("x", "y"),
          overload: "o",
          attribute: [
            { name: "f", type: 1, f: 0.5 },
            { name: "i", type: 2, i: 2n ** 63n - 1n },
            { name: "s", type: 3, s: new TextEncoder().encode("text") },
            { name: "t", type: 4, t: float32("", [1], { rawData: rawFloats(3) }) },
            graphAttribute("g", { name: "inner", node: [identity("x", "z")], output: [{ name: "z" }] }),
            { name: "fs", type: 6, floats: [1, 2] },
            { name: "is", type: 7, ints: [-1n, 4n] },
            { name: "ss", type: 8, strings: [new TextEncoder().encode("a")] },
            { name: "tp", type: 13, tp: typed("", [1n]).type },
          ],
        },
        { opType: "SequenceEmpty", output: ["s"] },
      ],
    },
    {
      producerName: "someone",
      metadataProps: [{ key: "k", value: "v" }],
      functions: [
        {
          name: "F",
          domain: "local",
          input: ["a"],
          output: ["b"],
          attribute: ["alpha"],
          attributeProto: [{ name: "beta", type: 1, f: 2 }],
          opsetImport: [{ domain: "", version: 18n }],
          node: [{ ...identity("a", "b"), attribute: [{ name: "alpha", refAttrName: "alpha", type: 1 }] }],
        },
      ],
    },
  );
  const model = withoutSource(parseModel(bytes));
  expect(withoutSource(parseModel(encodeModel(model)))).toEqual(model);
});

test("weights in the model's own file become references to it, and only there", async () => {
  const copy = join(folder, "copy.onnx");
  await writeFile(copy, await readFile(path));
  const derived = derive(await readModel(copy));
  const bytes = encodeModel(derived, { references: true });
  expect(bytes.length).toBeLessThan(encodeModel(derived).length - 1024);
  await writeFile(join(folder, "derived.onnx"), bytes);
  const large = [...(await readModel(join(folder, "derived.onnx"))).graph.initializers.values()].flatMap(({ data }) =>
    data.type === "file" ? [data.path] : [],
  );
  expect(new Set(large)).toEqual(new Set([copy]));
  expect(encodeModel({ ...derived, source: { bytes: derived.source!.bytes } }, { references: true })).toEqual(
    encodeModel(derived),
  );
});

test("a model is written whole, beside nothing else", async () => {
  const target = join(folder, "written");
  await rm(target, { recursive: true, force: true });
  await expect(writeModel(derive(await readModel(path)), join(target, "m.onnx"))).rejects.toMatchObject({
    code: "UNWRITABLE_FILE",
  });
  const fresh = await mkdtemp(join(folder, "fresh-"));
  const model = await readModel(path);
  await writeModel(model, join(fresh, "same.onnx"));
  await writeModel(derive(model), join(fresh, "derived.onnx"));
  expect(await readdir(fresh)).toEqual(["derived.onnx", "same.onnx"]);
  expect(await readFile(join(fresh, "same.onnx"))).toEqual(await readFile(path));
  expect((await readModel(join(fresh, "derived.onnx"))).graph).toEqual({ ...model.graph, name: "derived" });
});

test("external data goes into the file when the model leaves its folder, and stays when it does not", async () => {
  const here = await mkdtemp(join(folder, "here-"));
  const there = await mkdtemp(join(folder, "there-"));
  const externalData = [{ key: "location", value: "w.bin" }];
  await writeFile(join(here, "w.bin"), rawFloats(1, 2));
  await writeFile(
    join(here, "m.onnx"),
    modelBytes({ initializer: [float32("w", [2], { dataLocation: 1, externalData })] }),
  );
  const model = await readModel(join(here, "m.onnx"));
  await writeModel(model, join(here, "again.onnx"));
  await writeModel(model, join(there, "moved.onnx"));
  const dataOf = async (file: string) => (await readModel(file)).graph.initializers.get("w")?.data;
  expect(await dataOf(join(here, "again.onnx"))).toMatchObject({ type: "file", path: join(here, "w.bin") });
  expect(await dataOf(join(there, "moved.onnx"))).toEqual({ type: "bytes", bytes: rawFloats(1, 2) });
});

function derive(model: Model): Model {
  return { ...model, graph: { ...model.graph, name: "derived" } };
}

function withoutSource({ source: _, ...model }: Model): Model {
  return model;
}

function dimension(size: bigint | string | undefined) {
  return {
    value:
      size === undefined
        ? ({ case: undefined } as const)
        : typeof size === "string"
          ? ({ case: "dimParam", value: size } as const)
          : ({ case: "dimValue", value: size } as const),
  };
}
