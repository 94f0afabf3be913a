import { mkdtemp, open, readdir, realpath, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { encodeModel } from "../src/encode.ts";
import type { Model, Node } from "../src/model.ts";
import { readModel } from "../src/read.ts";
import { openSession } from "../src/session.ts";
import { float32, modelBytes } from "./model-bytes.ts";

const ROWS = 2500;
const COLUMNS = 2 ** 18; // 2,500 × 262,144 float32 are 2.6 GB, more than one protobuf message can hold
const BYTES = ROWS * COLUMNS * 4;

let folder = "";
beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "casemate-large-")));
  const file = await open(join(folder, "weights.bin"), "w");
  await file.truncate(BYTES); // sparse: zeros that take no room on the disk
  await file.write(Float32Array.of(3, 4), 0, 8, BYTES - 8);
  await file.close();
  const externalData = [{ key: "location", value: "weights.bin" }];
  await writeFile(
    join(folder, "model.onnx"),
    modelBytes({
      input: [
        {
          name: "row",
          type: {
            value: {
              case: "tensorType",
              value: { elemType: 7, shape: { dim: [{ value: { case: "dimValue", value: 1n } }] } },
            },
          },
        },
      ],
      output: [{ name: "y" }],
      initializer: [float32("w", [ROWS, COLUMNS], { dataLocation: 1, externalData })],
      node: [{ opType: "Gather", input: ["w", "row"], output: ["y"] }],
    }),
  );
});
afterAll(() => rm(folder, { recursive: true }));

test("a graph derived from a model of 2.6 GB runs on the same file, with nothing written beside it and no copy in memory", async () => {
  const model = await readModel(join(folder, "model.onnx"));
  const doubled: Node = { name: "doubled", op: "Add", domain: "", inputs: ["y", "y"], outputs: ["z"], attributes: {} };
  const derived: Model = {
    ...model,
    graph: {
      ...model.graph,
      nodes: [...model.graph.nodes, doubled],
      outputs: [{ name: "z", dtype: "float32", shape: undefined, kind: "tensor" }],
    },
  };
  expect(encodeModel(derived, { references: true }).length).toBeLessThan(1000);
  const session = await openSession(derived);
  const { z } = await session.run({ row: { dtype: "int64", shape: [1], data: BigInt64Array.of(BigInt(ROWS - 1)) } });
  expect((z!.data as Float32Array).slice(-3)).toEqual(Float32Array.of(0, 6, 8));
  await session.dispose();
  expect((await readdir(folder)).sort()).toEqual(["model.onnx", "weights.bin"]);
  expect((await stat(join(folder, "weights.bin"))).size).toBe(BYTES);
  expect(process.memoryUsage.rss()).toBeLessThan(BYTES / 2);
});
