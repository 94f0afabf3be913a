import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { completed, openClassifier } from "@casemate/attacks";
import { readDataset } from "@casemate/data";
import { certify } from "@casemate/defenses";
import { openSession, readModel } from "@casemate/onnx";
import { normalQuantile } from "@casemate/statistics";
import { takeRows, tensor } from "@casemate/tensor";
import { afterAll, describe, expect, onTestFinished, test } from "vitest";
import { casemate, digits, root } from "./casemate.ts";

const folder = mkdtempSync(join(tmpdir(), "casemate-smooth-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const network = join(digits, "mnist-standard.onnx");
const pictures = join(digits, "digits-test-500.npz");

describe("casemate smooth", () => {
  test("certifies samples, and writes the report and the picture of what it prints", async () => {
    const [out, plot] = [join(folder, "new", "report.json"), join(folder, "new", "curve.svg")];
    const args = ["--data", pictures, "--sigma", "0.25", "--draws", "500", "--samples", "12", "--seed", "4"];
    const { code, stdout } = await casemate(["smooth", network, ...args, "--out", out, "--plot", plot]);
    expect(code).toBe(0);
    const report = JSON.parse(readFileSync(out, "utf8"));
    expect(report.certificates).toHaveLength(12);
    const right = report.certificates.filter((each: Certificate) => each.prediction === each.label);
    const abstained = report.certificates.filter((each: Certificate) => each.prediction === undefined);
    expect(report).toMatchObject({ samples: 12, sigma: 0.25, draws: 500, alpha: 0.001, abstained: abstained.length });
    expect(report.curve[0]).toEqual({ radius: 0, count: right.length, accuracy: right.length / 12 });
    expect(report.wrong).toBe(12 - right.length - abstained.length);
    expect(stdout).toMatch(new RegExp(`right when smoothed +${right.length} of 12`));
    for (const { radius, count } of report.curve) {
      expect(right.filter((each: Certificate) => each.radius >= radius)).toHaveLength(count);
      expect(stdout).toMatch(new RegExp(`^ *${Number(radius.toPrecision(4))} +${count} of 12`, "m"));
    }
    const most = 0.25 * normalQuantile(0.001 ** (1 / 500)); // when all draws agree
    expect(right.some((each: Certificate) => Math.abs(each.radius - most) < 1e-6)).toBe(true);
    expect(Math.max(...right.map((each: Certificate) => each.radius))).toBeLessThanOrEqual(most + 1e-6);
    const svg = readFileSync(plot, "utf8");
    expect(svg).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg"[\s\S]*<\/svg>\n$/);
    expect(svg).not.toContain("var(--"); // a file of its own has no style sheet
    expect(heightsOf(svg)[0]).toBeCloseTo(1 - right.length / 12, 2);
  });

  test("gives the certificates that the function gives for the same draws", async () => {
    const args = ["--data", pictures, "--sigma", "0.5", "--draws", "200", "--samples", "5", "--json"];
    const { stdout } = await casemate(["smooth", network, ...args]);
    const { certificates } = JSON.parse(stdout) as { certificates: readonly Certificate[] };
    const { x } = await readDataset(pictures);
    const indices = certificates.map(({ sample }) => sample);
    const classifier = await openClassifier(await readModel(network), { bounds: { lower: 0, upper: 1 } });
    onTestFinished(() => classifier.dispose());
    const chosen = takeRows(x, indices);
    const shares = tensor(
      chosen.shape,
      chosen.data.map((value) => value / 255),
    );
    const expected = await completed(certify(classifier, shares, { sigma: 0.5, n: 200, indices }));
    for (const [row, { prediction, radius }] of certificates.entries()) {
      expect(prediction).toBe(expected[row]!.prediction);
      expect(radius).toBeCloseTo(expected[row]!.radius, 6);
    }
  });

  test("writes a model of the same input that votes, and its contract, without samples", async () => {
    const output = join(folder, "served", "smoothed.onnx");
    const { code, stdout } = await casemate([
      "smooth",
      network,
      "--sigma",
      "0.2",
      "--copies",
      "25",
      "--output",
      output,
    ]);
    expect(code).toBe(0);
    expect(stdout).toContain("its answers carry no certificate");
    expect(readdirSync(join(folder, "served")).sort()).toEqual(["smoothed.contract.json", "smoothed.onnx"]);
    const [before, after] = [await readModel(network), await readModel(output)];
    expect(after.graph.inputs).toEqual(before.graph.inputs);
    expect(after.graph.outputs).toEqual(before.graph.outputs);
    const session = await openSession(after);
    onTestFinished(() => session.dispose());
    const { x, labels } = await readDataset(pictures);
    const rows = Array.from({ length: 20 }, (_, i) => i);
    const batch = takeRows(x, rows);
    const shares = tensor(
      batch.shape,
      batch.data.map((value) => value / 255),
    );
    const answer = await session.run({ [before.graph.inputs[0]!.name]: shares });
    const scores = answer[before.graph.outputs[0]!.name]!.data as Float32Array;
    const right = rows.filter((row) => {
      const votes = Array.from(scores.subarray(10 * row, 10 * row + 10), (score) => Math.exp(score));
      expect(votes.reduce((a, b) => a + b)).toBeCloseTo(1, 5);
      return votes.indexOf(Math.max(...votes)) === labels[row];
    });
    expect(right.length).toBeGreaterThanOrEqual(16); // of digits that the model tells apart, under light noise
  });

  test("a table's noise is in shares of each feature's range", async () => {
    const loans = join(root, "examples", "loans");
    const args = ["--data", join(loans, "test.csv"), "--sigma", "0.02", "--draws", "300", "--samples", "6", "--json"];
    const { code, stdout } = await casemate(["smooth", join(loans, "loans-forest.onnx"), ...args]);
    expect(code).toBe(0);
    const { assumptions, certificates } = JSON.parse(stdout);
    expect(assumptions.join()).toContain("measured in shares of the range");
    expect(certificates).toHaveLength(6);
  });

  test.each([
    ["no sigma", ["--data", pictures], /required option '--sigma/],
    ["a sigma of 0", ["--data", pictures, "--sigma", "0"], /expected a number above 0/],
    ["no samples", ["--sigma", "1"], /--data: expected labelled samples to certify, got none/],
    ["a picture without samples", ["--sigma", "1", "--output", "x.onnx", "--plot", "x.svg"], /--data: expected/],
    ["an alpha of 1", ["--data", pictures, "--sigma", "1", "--alpha", "1"], /alpha between 0 and 1, got 1/],
  ])("says what is wrong with %s", async (_, args, message) => {
    const { code, stderr } = await casemate(["smooth", network, ...args]);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });
});

interface Certificate {
  readonly sample: number;
  readonly label: number;
  readonly prediction?: number;
  readonly radius: number;
}

/** How far down each corner of the drawn line lies, from 0 at 100 % to 1 at 0 %. */
function heightsOf(svg: string): readonly number[] {
  const [, path = ""] = /aria-label="line"[^>]*>\s*<path d="M([^"]+)"/.exec(svg) ?? [];
  return path.split("L").map((point) => (Number(point.split(",")[1]) - 20) / (300 - 20 - 44));
}
