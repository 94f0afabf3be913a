import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { type CertificationReport, type CertifyOptions, certifyModel } from "../src/index.ts";

const digits = (name: string) => fileURLToPath(new URL(`../../../examples/digits/${name}`, import.meta.url));
const spec = { model: digits("mnist-standard.onnx"), data: digits("digits-test-500.npz") };
const options: CertifyOptions = {
  norm: "linf",
  epsilon: 0.005,
  method: "crown",
  attack: "pgd",
  samples: 6,
  threads: 1,
};

async function certified(given: CertifyOptions): Promise<CertificationReport> {
  const events = certifyModel(spec, given);
  for (;;) {
    const { done, value } = await events.next();
    if (done) return value;
  }
}

test("what is certified and what stands enclose the robust accuracy", async () => {
  const report = await certified(options);
  expect(report.certified).toBeGreaterThan(0);
  expect(report.certified + report.undecided).toBe(report.standing);
  expect(report.standing).toBeLessThanOrEqual(report.clean);
  expect(report.verdicts).toHaveLength(6);
  expect(report.byMethod).toEqual({ crown: report.certified });
});

test("after the time limit the rest stays undecided", async () => {
  const report = await certified({ ...options, timeLimit: 1e-9 });
  expect(report.certified).toBe(0);
  expect(report.undecided).toBe(report.standing);
});

test("refuses the method of trees for a network", async () => {
  await expect(certified({ ...options, method: "trees" })).rejects.toThrow(
    "expected a model of trees, got a model of images",
  );
});
