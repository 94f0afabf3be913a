import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { tensor } from "@casemate/tensor";
import { expect, test } from "vitest";
import { encodeModel } from "../src/encode.ts";
import { OnnxError } from "../src/errors.ts";
import type { Model } from "../src/model.ts";
import { parseModel, readModel } from "../src/read.ts";
import { openSession } from "../src/session.ts";

const path = fileURLToPath(new URL("vectors/networks/transformer.onnx", import.meta.url));

test("a derived model runs on weights that stay in the file it came from", async () => {
  const model = await readModel(path);
  const derived: Model = { ...model, graph: { ...model.graph, name: "derived" } };
  expect(encodeModel(derived, { references: true }).length).toBeLessThan(encodeModel(derived).length - 1024);
  const feeds = await feedsOf(model);
  expect(await runOnce(derived, feeds)).toEqual(await runOnce(parseModel(await readFile(path)), feeds));
});

test("a tensor given under an output's name is filled", async () => {
  const model = await readModel(path);
  const session = await openSession(model, { threads: 1 });
  const feeds = await feedsOf(model);
  const name = session.outputs[0]?.name ?? "";
  const expected = (await session.run(feeds))[name];
  const given = tensor(expected?.shape ?? []);
  const results = await session.run(feeds, { [name]: given });
  expect(results[name]).toBe(given);
  expect(given).toEqual(expected);
  await session.dispose();
});

test("what the runtime refuses becomes a RUNTIME_FAILURE in its words", async () => {
  const session = await openSession(await readModel(path));
  const error = await session.run({ input: tensor([1]) }).catch((thrown: unknown) => thrown);
  await session.dispose();
  expect(error).toBeInstanceOf(OnnxError);
  expect(error).toMatchObject({ code: "RUNTIME_FAILURE", message: expect.stringContaining("rank") });
});

async function feedsOf({ graph }: Model) {
  return Object.fromEntries(
    graph.inputs.map(({ name, shape }) => {
      const fixed = (shape ?? []).map((dimension) => (typeof dimension === "number" ? dimension : 2));
      const x = tensor(fixed);
      x.data.forEach((_, index) => {
        x.data[index] = Math.sin(index);
      });
      return [name, x];
    }),
  );
}

async function runOnce(model: Model, feeds: Awaited<ReturnType<typeof feedsOf>>) {
  const session = await openSession(model);
  const results = await session.run(feeds);
  await session.dispose();
  return results;
}
