import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "..");
const casemate = (...args: string[]) =>
  execFileSync(process.execPath, [join(root, "packages/casemate/bin/casemate.mjs"), ...args], {
    encoding: "utf8",
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
  });
const data = "examples/digits/digits-test-500.npz";
const views = ["--ablation", "column"];

test("certified counts fall with the patch, and follow from the certificates by the paper's rule", () => {
  const folder = mkdtempSync(join(tmpdir(), "casemate-patches-"));
  try {
    const out = join(folder, "report.json");
    const model = join(folder, "votes.onnx");
    const recipe = [
      "--method",
      "ablation",
      ...views,
      "--ablation-size",
      "8",
      "--batch-size",
      "20",
      "--epochs",
      "8",
      "--seed",
      "1",
    ];
    casemate("train", "--architecture", "cnn", "--data", data, "--validation", data, ...recipe, "--out", model);
    const text = casemate("patches", model, "--data", data, "--samples", "30", ...views, "--size", "8", "--out", out);
    const { samples, certified, certificates, voted } = JSON.parse(readFileSync(out, "utf8"));
    expect(text).toContain("right by votes");
    expect(certified[0].count).toBeGreaterThan(0);
    expect([samples, certificates.length]).toEqual([30, 30]);
    const right = certificates.filter((each: { class: number; label: number }) => each.class === each.label);
    expect(right).toHaveLength(voted);
    for (const { side, count } of certified) {
      // a patch of m columns touches m + s − 1 of the columns' views (Levine & Feizi, 2020, section 3.1)
      const holds = right.filter(({ tolerated }: { tolerated: number }) => tolerated >= side + 8 - 1);
      expect(count).toBe(holds.length);
    }
    const counts = certified.map(({ count }: { count: number }) => count);
    expect(counts).toEqual([...counts].sort((a, b) => b - a));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.each([
  [["--size", "40"], "size"],
  [["--threshold", "2"], "threshold"],
])("%j is refused", (flags, message) => {
  expect(() =>
    casemate("patches", "examples/digits/mnist-standard.onnx", "--data", data, "--samples", "30", ...flags),
  ).toThrow(message);
});
