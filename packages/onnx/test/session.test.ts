import { mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type AnyTensor, tensor } from "@casemate/tensor";
import { afterAll, beforeAll, expect, test } from "vitest";
import { encodeModel } from "../src/encode.ts";
import { AttributeProto_AttributeType as AttributeType } from "../src/generated/onnx-ml_pb.ts";
import { tensorInitializer } from "../src/initializer.ts";
import type { Graph, Initializer, Model, Node } from "../src/model.ts";
import { parseModel, readModel } from "../src/read.ts";
import { openSession } from "../src/session.ts";
import { writeModel } from "../src/write.ts";
import { float32, modelBytes } from "./model-bytes.ts";
import { runOnce, wave } from "./tiny-model.ts";

const path = fileURLToPath(new URL("vectors/networks/transformer.onnx", import.meta.url));
const x = wave([2, 7, 16]);

let folder = "";
beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "casemate-session-")));
});
afterAll(() => rm(folder, { recursive: true }));

test("a derived model runs on weights that stay in the file it came from", async () => {
  const model = await readModel(path);
  const derived: Model = { ...model, graph: { ...model.graph, name: "derived" } };
  const embedded = parseModel(encodeModel(derived));
  expect(await runOnce(derived, { input: x })).toEqual(await runOnce(embedded, { input: x }));
});

test("a model that is a link into another folder takes its weights along", async () => {
  const linked = join(folder, "linked.onnx");
  await symlink(path, linked);
  const model = await readModel(linked);
  const derived: Model = { ...model, graph: { ...model.graph, name: "derived" } };
  expect(encodeModel(derived, { references: true })).toEqual(encodeModel(derived));
  expect(await runOnce(derived, { input: x })).toEqual(await runOnce(await readModel(path), { input: x }));
  await rm(linked);
});

test("external data at an offset that no number is aligned to is read in place, also in a branch", async () => {
  const weights = wave([1, 16, 32]);
  const bytes = new Uint8Array(3 + weights.data.byteLength);
  bytes.set(new Uint8Array(weights.data.buffer), 3);
  await writeFile(join(folder, "weights.bin"), bytes);
  const externalData = Object.entries({ location: "weights.bin", offset: "3" }).map(([key, value]) => ({ key, value }));
  const model = parseModel(
    modelBytes({ initializer: [float32("w", [1, 16, 32], { dataLocation: 1, externalData })] }),
    { folder },
  );
  const weight = model.graph.initializers.get("w")!;
  const run = (initializer: Initializer) => runOnce(branching(model, initializer), { x, n: wave([]) });
  expect(await run(weight)).toEqual(await run(tensorInitializer("w", weights)));
  expect(await readdir(folder)).toEqual(["weights.bin"]);
});

test("a file that was written anew since it was read is not run", async () => {
  const copy = join(folder, "copy.onnx");
  await writeFile(copy, await readFile(path));
  const model = await readModel(copy);
  await writeModel({ ...model, producer: "somebody" }, copy);
  await expect(openSession(model)).rejects.toMatchObject({
    code: "UNREADABLE_FILE",
    message: expect.stringContaining(copy),
  });
  await rm(copy);
});

test("a tensor given under an output's name is filled", async () => {
  const session = await openSession(await readModel(path), { threads: 1 });
  const name = session.outputs[0]!.name;
  const expected = (await session.run({ input: x }))[name]!;
  const given = tensor(expected.shape);
  const results = await session.run({ input: x }, { [name]: given });
  expect(results[name]).toBe(given);
  expect(given).toEqual(expected);
  await session.dispose();
});

test.each([
  { dtype: "float32", shape: [2], data: Float32Array.of(1.5, -2) },
  { dtype: "float64", shape: [2], data: Float64Array.of(1 / 3, -2) },
  { dtype: "float16", shape: [2], data: Uint16Array.of(0x3c00, 0xc000) },
  { dtype: "int8", shape: [2], data: Int8Array.of(-128, 127) },
  { dtype: "uint8", shape: [2], data: Uint8Array.of(255, 0) },
  { dtype: "int16", shape: [2], data: Int16Array.of(-32768, 3) },
  { dtype: "uint16", shape: [2], data: Uint16Array.of(65535, 3) },
  { dtype: "int32", shape: [2, 1], data: Int32Array.of(-(2 ** 31), 3) },
  { dtype: "uint32", shape: [1, 2], data: Uint32Array.of(2 ** 32 - 1, 3) },
  { dtype: "int64", shape: [], data: BigInt64Array.of(-(2n ** 63n)) },
  { dtype: "uint64", shape: [1], data: BigUint64Array.of(2n ** 64n - 1n) },
  { dtype: "bool", shape: [2], data: Uint8Array.of(1, 0) },
  { dtype: "string", shape: [2], data: ["é", ""] },
  { dtype: "float32", shape: [0, 3], data: new Float32Array() },
] satisfies AnyTensor[])("$dtype $shape goes in and comes out the same, as input and as weight", async (value) => {
  const graph: Graph = {
    name: "copy",
    nodes: [node("Identity", ["x"], ["y"]), node("Identity", ["w"], ["z"])],
    inputs: [{ name: "x", dtype: value.dtype, shape: value.shape, kind: "tensor" }],
    outputs: ["y", "z"].map((name) => ({ name, dtype: value.dtype, shape: value.shape, kind: "tensor" })),
    initializers: new Map([["w", tensorInitializer("w", value)]]),
  };
  expect(await runOnce(modelOf(graph), { x: value })).toEqual({ y: value, z: value });
});

test("an output that is no tensor is left out", async () => {
  const value = {
    case: "mapType" as const,
    value: { keyType: 7, valueType: { value: { case: "tensorType" as const, value: { elemType: 1 } } } },
  };
  const classlabels = { name: "classlabels_int64s", type: AttributeType.INTS, ints: [0n, 1n] };
  const bytes = modelBytes(
    {
      input: [{ name: "x", type: { value: { case: "tensorType", value: { elemType: 1 } } } }],
      output: [
        { name: "z", type: { value: { case: "sequenceType", value: { elemType: { value } } } } },
        { name: "y", type: { value: { case: "tensorType", value: { elemType: 1 } } } },
      ],
      node: [
        { opType: "Neg", input: ["x"], output: ["y"] },
        { opType: "ZipMap", domain: "ai.onnx.ml", input: ["y"], output: ["z"], attribute: [classlabels] },
      ],
    },
    { opsetImport: [{ version: 18n }, { domain: "ai.onnx.ml", version: 1n }] },
  );
  const x = tensor([1, 2], Float32Array.of(1, 2));
  expect(await runOnce(parseModel(bytes), { x })).toEqual({ y: tensor([1, 2], Float32Array.of(-1, -2)) });
});

test("only what is asked for is fetched", async () => {
  const graph: Graph = {
    name: "two",
    nodes: [node("Neg", ["x"], ["y"]), node("Abs", ["x"], ["z"])],
    inputs: [{ name: "x", dtype: "float32", shape: [1], kind: "tensor" }],
    outputs: ["y", "z"].map((name) => ({ name, dtype: "float32", shape: [1], kind: "tensor" })),
    initializers: new Map(),
  };
  const session = await openSession(modelOf(graph), { optimize: false });
  expect(await session.run({ x: wave([1]) }, ["z"])).toEqual({ z: tensor([1], wave([1]).data.map(Math.abs)) });
  await session.dispose();
});

test("what the runtime refuses becomes a RUNTIME_FAILURE in its words", async () => {
  const model = await readModel(path);
  const session = await openSession(model);
  await expect(session.run({ input: wave([1]) })).rejects.toMatchObject({
    name: "OnnxError",
    code: "RUNTIME_FAILURE",
    message: expect.stringContaining("rank"),
  });
  await expect(session.run({})).rejects.toMatchObject({
    code: "RUNTIME_FAILURE",
    message: expect.stringContaining("input"),
  });
  await session.dispose();
  await session.dispose();
  await expect(session.run({ input: x })).rejects.toMatchObject({
    code: "RUNTIME_FAILURE",
    message: expect.stringContaining("disposed"),
  });
  await expect(openSession(model, { device: "abacus" })).rejects.toMatchObject({
    code: "RUNTIME_FAILURE",
    message: expect.stringContaining("abacus"),
  });
  const unknown = modelOf({ ...model.graph, nodes: [node("Frobnicate", ["input"], ["logits"])] });
  await expect(openSession(unknown)).rejects.toMatchObject({
    code: "RUNTIME_FAILURE",
    message: expect.stringContaining("Frobnicate"),
  });
});

/** x · w where n is not 0, w being an initializer of the branch, else x · 2w. */
function branching(model: Model, weight: Initializer): Model {
  const branch = (name: string, nodes: readonly Node[]) => ({
    type: "graph" as const,
    value: {
      name,
      nodes,
      inputs: [],
      outputs: [{ name: `${name}/y`, dtype: "float32" as const, shape: undefined, kind: "tensor" as const }],
      initializers: new Map([[`${name}/w`, { ...weight, name: `${name}/w` }]]),
    },
  });
  const fork: Node = {
    ...node("If", ["condition"], ["y"]),
    attributes: {
      then_branch: branch("then", [node("MatMul", ["x", "then/w"], ["then/y"])]),
      else_branch: branch("else", [
        node("Sum", ["else/w", "else/w"], ["double"]),
        node("MatMul", ["x", "double"], ["else/y"]),
      ]),
    },
  };
  const cast: Node = { ...node("Cast", ["n"], ["condition"]), attributes: { to: { type: "int", value: 9 } } };
  const graph: Graph = {
    name: "branching",
    nodes: [cast, fork, node("MatMul", ["x", "w"], ["z"])],
    inputs: [
      { name: "x", dtype: "float32", shape: [2, 7, 16], kind: "tensor" },
      { name: "n", dtype: "float32", shape: [], kind: "tensor" },
    ],
    outputs: ["y", "z"].map((name) => ({ name, dtype: "float32", shape: undefined, kind: "tensor" })),
    initializers: new Map([["w", weight]]),
  };
  return { ...model, graph };
}

function node(op: string, inputs: readonly string[], outputs: readonly string[]): Node {
  return { name: op, op, domain: "", inputs, outputs, attributes: {} };
}

function modelOf(graph: Graph): Model {
  return { irVersion: 9, opsets: new Map([["", 18]]), producer: "test", metadata: new Map(), functions: [], graph };
}
