import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { completed } from "@casemate/attacks";
import { initializerTensor, parseModel } from "@casemate/onnx";
import { fillUniform } from "@casemate/tensor";
import { afterAll, expect, test } from "vitest";
import { type PartitionModelOptions, partitionModel } from "../src/index.ts";

const folder = mkdtempSync(join(tmpdir(), "casemate-partitions-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const parts = 6;

function table(name: string, count: number, seed: number, ...more: string[]): string {
  const path = join(folder, name);
  const numbers = fillUniform(new Float32Array(2 * count), { seed, stream: 0, sample: 0, step: 0 });
  const rows = Array.from({ length: count }, (_, i) => {
    const [first, second] = [numbers[2 * i]!, numbers[2 * i + 1]!];
    return `${first.toFixed(5)},${second.toFixed(5)},${first + second > 1 ? "high" : "low"}`;
  });
  writeFileSync(path, ["first,second,label", "0,0,low", "1,1,high", ...rows, ...more, ""].join("\n"));
  return path;
}

const test50 = table("test.csv", 50, 9);
const optionsFor = (data: string): PartitionModelOptions => ({
  subject: { architecture: "mlp" },
  data,
  test: test50,
  parts,
  method: "plain",
  norm: "linf",
  epsilon: 0,
  loop: { epochs: 3, batchSize: 8, learningRate: 0.02, seed: 1 },
});

/** The weights of each member, from the file that was made. */
function membersOf(bytes: Uint8Array): readonly string[] {
  const { graph } = parseModel(bytes);
  return Array.from({ length: parts }, (_, member) =>
    [...graph.initializers]
      .filter(([name]) => name.startsWith(`member${member}/`))
      .map(([name, weight]) => `${name} ${[...initializerTensor(weight).data]}`)
      .join("\n"),
  );
}

test("a poisoned sample changes one member, standardisation included, and no class that is certified for one", async () => {
  const clean = await completed(partitionModel(optionsFor(table("train.csv", 100, 2))));
  const { report } = clean;
  expect(report.sizes.reduce((sum, size) => sum + size)).toBe(102);
  expect(report.certified[0]).toEqual({ poisoned: 0, count: report.voted });
  const before = membersOf(clean.bytes);
  expect(new Set(before).size).toBe(parts);
  for (const row of ["0.9,0.95,low", "0,1,high", "0.5,0.0001,high"]) {
    const after = await completed(partitionModel(optionsFor(table("poisoned.csv", 100, 2, row))));
    expect(membersOf(after.bytes).filter((weights, member) => weights !== before[member])).toHaveLength(1);
    for (const [sample, { class: found, tolerated }] of report.certificates.entries())
      if (tolerated >= 1) expect(after.report.certificates[sample]!.class).toBe(found);
  }
});

test("what could reach all parts is said, and a limit of time is refused", async () => {
  const data = table("train.csv", 100, 2);
  const { report } = await completed(partitionModel({ ...optionsFor(data), validation: test50 }));
  expect(report.assumptions).toContain(
    "Features, ranges and classes were read from the training data: certificates are about poison that leaves them as they are.",
  );
  expect(report.assumptions).toContain(
    "The validation samples choose the best epoch of all parts: nobody may have poisoned those.",
  );
  const limited = { ...optionsFor(data), loop: { timeLimit: 10 } };
  await expect(completed(partitionModel(limited))).rejects.toThrow("time limit: expected none");
});
