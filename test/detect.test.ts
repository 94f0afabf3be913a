import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DetectionReport } from "@casemate/audit";
import { readDataset } from "@casemate/data";
import { flaggedShare, loadDetector } from "@casemate/defenses";
import { readModel } from "@casemate/onnx";
import { tensor } from "@casemate/tensor";
import { afterAll, describe, expect, onTestFinished, test } from "vitest";
import { casemate, digits, iris } from "./casemate.ts";

const folder = mkdtempSync(join(tmpdir(), "casemate-detect-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const network = join(digits, "mnist-standard.onnx");
const pictures = join(digits, "digits-test-500.npz");
const quick = ["--data", pictures, "--epsilon", "0.2", "--samples", "8", "--steps", "10", "--restarts", "0"];

describe("casemate detect", () => {
  test("writes a detector whose scores are the figures that it prints", async () => {
    const [output, out] = [join(folder, "new", "detector.onnx"), join(folder, "new", "report.json")];
    const args = ["--test", pictures, "--method", "energy", "--fpr", "0.1", "--output", output, "--out", out];
    const { code, stdout } = await casemate(["detect", network, ...quick, ...args]);
    expect(code).toBe(0);
    const report = JSON.parse(readFileSync(out, "utf8")) as DetectionReport;
    const fitted = await loadDetector(await readModel(output));
    onTestFinished(() => fitted.dispose());
    expect(fitted).toMatchObject({ name: "energy", threshold: report.threshold, falsePositiveRate: 0.1 });
    const { x } = await readDataset(pictures);
    const shares = tensor(
      x.shape,
      x.data.map((value) => value / 255),
    );
    const { share, interval } = flaggedShare(await fitted.score(shares), fitted.threshold);
    expect(report.falsePositives).toEqual({ stated: 0.1, count: Math.round(500 * share), of: 500, share, interval });
    expect(stdout).toMatch(/clean flagged \(10\.0 % stated\) +\d/);
    for (const name of ["plain", "adaptive"] as const) {
      const { count, of } = report[name].undetected;
      expect(stdout).toMatch(new RegExp(`wrong and undetected, ${name} .*${count} of ${of}`));
      expect(of).toBe(report.attacked);
    }
    expect(report.adaptive.undetected.count).toBeGreaterThanOrEqual(report.plain.undetected.count);
    expect(report.plain.undetected.count).toBeLessThanOrEqual(report.plain.wrong.count);
  });

  test("measures on samples that neither fitting nor calibration saw, where there are no others", async () => {
    const { code, stdout } = await casemate(["detect", network, ...quick, "--method", "mahalanobis", "--json"]);
    expect(code).toBe(0);
    const { samples, falsePositives, assumptions } = JSON.parse(stdout) as DetectionReport;
    expect(samples).toEqual({ fit: 166, calibration: 167, test: 167 });
    expect(falsePositives.of).toBe(167);
    expect(assumptions.join()).toContain("so a third of");
  });

  test("sets the threshold by samples of its own where there are some, and else says what they may have been used for", async () => {
    const args = ["--test", pictures, "--method", "energy", "--json"];
    const [own, halved] = await Promise.all([
      casemate(["detect", network, ...quick, ...args, "--calibration", pictures]),
      casemate(["detect", network, ...quick, ...args]),
    ]);
    expect([own.code, halved.code]).toEqual([0, 0]);
    const [given, split] = [own, halved].map(({ stdout }) => JSON.parse(stdout) as DetectionReport);
    expect(given!.samples).toEqual({ fit: 500, calibration: 500, test: 500 });
    expect(split!.samples).toEqual({ fit: 250, calibration: 250, test: 500 });
    // The threshold is the ⌈501 · 0.95⌉ = 476th of the 500 scores that are measured on: 24 lie above.
    expect(given!.falsePositives.count).toBe(24);
    expect(given!.assumptions.join()).not.toContain("--calibration");
    expect(split!.assumptions.join()).toContain("where the model was trained on it");
  });

  test("attacks a table in shares of the range of each feature", async () => {
    const args = ["--data", join(iris, "test.csv"), "--epsilon", "0.1", "--method", "energy", "--fpr", "0.2"];
    const { code, stdout, stderr } = await casemate(["detect", join(iris, "iris-mlp.onnx"), ...args, "--json"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect((JSON.parse(stdout) as DetectionReport).attacked).toBeGreaterThan(0);
  });

  test.each([
    ["no samples", ["--epsilon", "0.1"], /no samples: --data/],
    ["no epsilon", ["--data", pictures], /--epsilon: expected one radius/],
    ["a method that there is not", ["--data", pictures, "--method", "luck"], /Allowed choices are/],
    ["too few samples for the rate", [...quick, "--fpr", "0.001"], /at least 1 \/ rate - 1 calibration samples/],
  ])("says what is wrong with %s", async (_, args, message) => {
    const { code, stderr } = await casemate(["detect", network, ...args]);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });
});
