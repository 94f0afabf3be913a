import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeNpz } from "@casemate/data";
import { tensor } from "@casemate/tensor";
import { afterAll, describe, expect, test } from "vitest";
import { newNetwork } from "../src/new-network.ts";

const folder = mkdtempSync(join(tmpdir(), "casemate-new-network-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const path = (name: string) => join(folder, name);

const tokens = async (name: string, numbers: readonly number[]) => {
  const x = { dtype: "int32", shape: [2, 6], data: Int32Array.from(numbers) } as const;
  await writeNpz(path(name), { x, y: { dtype: "uint8", shape: [2], data: Uint8Array.of(0, 1) } });
  return path(name);
};

describe("text-cnn", () => {
  test("knows as many tokens as the samples have, or as many as are asked for", async () => {
    const data = await tokens("texts.npz", [0, 1, 2, 3, 4, 5, 6, 5, 4, 3, 2, 9]);
    for (const [vocabulary, rows] of [
      [undefined, 10],
      [50, 50],
    ] as const) {
      const network = { architecture: "text-cnn", ...(vocabulary !== undefined && { vocabulary }) } as const;
      const { model, contract } = await newNetwork(network, { data, seed: 0 });
      expect(model.graph.initializers.get("embedding.weight")!.shape[0]).toBe(rows);
      expect(contract.inputs[0]).toMatchObject({
        kind: "tokens",
        dtype: "int64",
        range: { lower: 0, upper: rows - 1 },
      });
    }
  });

  test("refuses what is no token, and another network the size of a vocabulary", async () => {
    const data = await tokens("negative.npz", [0, 1, 2, 3, 4, 5, 6, -5, 4, 3, 2, 9]);
    const network = { architecture: "text-cnn" } as const;
    await expect(newNetwork(network, { data, seed: 0 })).rejects.toThrow(/sample 1: expected tokens.*got -5/);
    await expect(newNetwork({ architecture: "mlp", vocabulary: 3 }, { data, seed: 0 })).rejects.toThrow(
      /--vocabulary: expected text-cnn, got mlp/,
    );
  });
});

describe("mlp", () => {
  const rows = Array.from({ length: 30 }, (_, i) => `${18 + i},${1000 * i},${i % 2 ? "yes" : "no"}`);
  writeFileSync(path("table.csv"), `age,income,label\n${rows.join("\n")}\n`);
  const given = {
    task: "classification",
    inputs: [
      {
        ...{ name: "X", dtype: "float64", shape: [null, 2], kind: "tabular", range: { lower: 0, upper: 1e6 } },
        features: [
          { name: "age", mutable: false },
          { name: "income", direction: "up" },
        ],
      },
    ],
    output: { name: "probability", kind: "probability", classes: ["yes", "no"] },
  };

  test("standardises the features of a table inside, and those of images not", async () => {
    const table = await newNetwork({ architecture: "mlp" }, { data: path("table.csv"), seed: 0 });
    expect([...table.model.graph.initializers.keys()]).toContain("standardization.mean");
    expect(table.inferred.join(" ")).toContain("standardised inside the model");
    const y = { dtype: "uint8", shape: [2], data: Uint8Array.of(0, 1) } as const;
    const x = tensor([2, 1, 2, 2], Float32Array.of(0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 1));
    await writeNpz(path("images.npz"), { x, y });
    const images = await newNetwork({ architecture: "mlp" }, { data: path("images.npz"), seed: 0 });
    expect([...images.model.graph.initializers.keys()]).not.toContain("standardization.mean");
  });

  test("takes features, ranges and the order of classes from a contract, and keeps its own names", async () => {
    writeFileSync(path("given.json"), JSON.stringify(given));
    const options = { data: path("table.csv"), contract: path("given.json"), seed: 0 };
    const { contract } = await newNetwork({ architecture: "mlp" }, options);
    const { features, range } = given.inputs[0]!;
    expect(contract.inputs).toEqual([
      { name: "input", dtype: "float32", shape: [null, 2], kind: "tabular", range, features },
    ]);
    expect(contract.output).toEqual({ name: "logits", kind: "logits", classes: ["yes", "no"] });
  });

  test("refuses the contract of other samples", async () => {
    const [input] = given.inputs;
    const other = { ...given, inputs: [{ ...input, features: [...input!.features, { name: "third" }] }] };
    writeFileSync(path("other.json"), JSON.stringify(other));
    const options = { data: path("table.csv"), contract: path("other.json"), seed: 0 };
    await expect(newNetwork({ architecture: "mlp" }, options)).rejects.toThrow(/features/);
  });
});
