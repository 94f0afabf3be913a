import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { casemate, digits, iris, root } from "./casemate.ts";

const folder = mkdtempSync(join(tmpdir(), "casemate-certify-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const loans = join(root, "examples", "loans");
const table = join(loans, "test.csv");
const forest = join(loans, "loans-forest.onnx");
const network = join(digits, "mnist-standard.onnx");
const pictures = join(digits, "digits-test-500.npz");

describe("casemate certify", () => {
  test("prints the bracket of a network, and writes a verdict for each sample", async () => {
    const out = join(folder, "network.json");
    const args = ["--data", pictures, "--epsilon", "0.005", "--method", "crown", "--samples", "8"];
    const { code, stdout } = await casemate(["certify", network, ...args, "--out", out]);
    expect(code).toBe(0);
    const report = JSON.parse(readFileSync(out, "utf8"));
    expect(report.verdicts).toHaveLength(8);
    const count = (verdict: string) =>
      report.verdicts.filter((each: { verdict: string }) => each.verdict === verdict).length;
    expect(report).toMatchObject({ samples: 8, certified: count("certified"), undecided: count("undecided") });
    expect(report.certified).toBeGreaterThan(0);
    expect(report.standing).toBe(report.certified + report.undecided);
    expect(stdout).toMatch(new RegExp(`certified \\(from below\\) +${report.certified} of 8`));
  });

  test("decides every sample of a forest, and prints JSON and nothing else on request", async () => {
    const args = ["--data", table, "--epsilon", "0.02", "--samples", "40", "--json"];
    const { code, stdout } = await casemate(["certify", forest, ...args, "--method", "trees"]);
    const report = JSON.parse(stdout);
    expect(code).toBe(0);
    expect(report).toMatchObject({ samples: 40, undecided: 0, byMethod: { trees: report.certified } });
    expect(report.certified).toBe(report.standing);
    expect(report.certified).toBeLessThan(report.clean); // the radius is one that breaks some
    const byChoice = await casemate(["certify", forest, ...args]);
    expect(JSON.parse(byChoice.stdout).verdicts).toEqual(report.verdicts);
  });

  test.each([
    ["no samples", [network, "--epsilon", "0.1"], 2, /no samples: --data names a file/],
    ["no radius", [network, "--data", pictures], 2, /--epsilon: expected one radius/],
    ["two radii", [network, "--data", pictures, "--epsilon", "0.1,0.2"], 2, /--epsilon: expected one radius/],
    ["no model", ["none.onnx", "--data", pictures, "--epsilon", "0.1"], 2, /none\.onnx: expected a file/],
    ["L0", [network, "--data", pictures, "--epsilon", "1", "--norm", "l0"], 2, /Allowed choices are linf, l2, l1/],
    [
      "bounds of trees",
      [forest, "--data", table, "--epsilon", "0.1", "--method", "crown"],
      2,
      /expected trees or auto/,
    ],
    [
      "trees of a network",
      [network, "--data", pictures, "--epsilon", "0.1", "--method", "trees"],
      2,
      /expected a model of trees, got a model of images/,
    ],
    [
      "an operator without bounds",
      [join(iris, "iris-mlp.onnx"), "--data", join(iris, "test.csv"), "--epsilon", "0.1"],
      2,
      /expected operators that can be bounded, got 1 that cannot: Cast/,
    ],
  ])("refuses %s", async (_, args, expected, says) => {
    const { code, stdout, stderr } = await casemate(["certify", ...args]);
    expect(stderr).toMatch(says);
    expect({ code, stdout }).toEqual({ code: expected, stdout: "" });
  });
});
