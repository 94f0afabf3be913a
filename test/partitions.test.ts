import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { casemate, digits, start } from "./casemate.ts";

const folder = mkdtempSync(join(tmpdir(), "casemate-partitions-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const data = join(digits, "digits-test-500.npz");
const args = (out: string, ...more: string[]) => [
  ...["partitions", "--architecture", "mlp", "--data", data, "--test", data, "--parts", "5", "--epochs", "6"],
  ...["--batch-size", "20", "--out", join(folder, out), ...more],
];

interface Certificate {
  readonly class: number;
  readonly label: number;
  readonly votes: readonly number[];
  readonly tolerated: number;
}

test("certifies by the rule of the paper, and goes on after Ctrl-C to the same bytes", {
  timeout: 120_000,
}, async () => {
  const whole = await casemate(args("whole.onnx", "--plot", join(folder, "poison.svg")));
  expect(whole.code, whole.stderr).toBe(0);
  expect(whole.stdout).toMatch(/5 models vote, each trained on \d+ to \d+ samples/);
  const report = JSON.parse(readFileSync(join(folder, "whole.onnx.partitions.json"), "utf8"));
  const certificates: readonly Certificate[] = report.certificates;
  for (const { class: winner, votes, tolerated } of certificates) {
    // Levine & Feizi, 2021, theorem 1: ties go to the smaller class
    const gaps = votes.flatMap((count, k) => (k === winner ? [] : [votes[winner]! - count - Number(k < winner)]));
    expect(tolerated).toBe(Math.floor(Math.min(...gaps) / 2));
  }
  const right = certificates.filter((each) => each.class === each.label);
  expect(report.voted).toBe(right.length);
  expect(right.length).toBeGreaterThan(250);
  for (const { poisoned, count } of report.certified)
    expect(count).toBe(right.filter(({ tolerated }) => tolerated >= poisoned).length);
  expect(readFileSync(join(folder, "poison.svg"), "utf8")).toContain("poisoned training samples, at 5 parts");

  const running = start(args("again.onnx"));
  await running.says(/part 3 of 5/);
  running.process.kill("SIGINT");
  const { code, stderr } = await running.ended;
  expect(code, stderr).toBe(3);
  expect(existsSync(join(folder, "again.onnx"))).toBe(false);
  const resumed = await casemate(args("again.onnx", "--resume"));
  expect(resumed.code, resumed.stderr).toBe(0);
  expect(readFileSync(join(folder, "again.onnx"))).toEqual(readFileSync(join(folder, "whole.onnx")));
  expect(existsSync(join(folder, "again.onnx.parts"))).toBe(false);
});

test.each([
  [["--time-limit", "10m"], "--time-limit: expected none, since votes would depend on the clock"],
  [["--parts", "0"], "expected a whole number from 1"],
])("%j is refused", async (more, message) => {
  const { code, stderr } = await casemate(args("refused.onnx", ...more));
  expect(stderr).toContain(message);
  expect(code).toBe(2);
});
