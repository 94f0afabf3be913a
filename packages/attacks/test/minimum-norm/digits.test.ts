import { type Tensor, takeRows } from "@casemate/tensor";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  type Attack,
  jsma,
  l0,
  l2,
  lbfgs,
  newtonFool,
  type OnnxClassifier,
  run,
  sparseFool,
  type Threat,
} from "../../src/index.ts";
import { openDigits, readDigits } from "../digits.ts";

// The first 20 digits, all of them right, on mnist-standard.
let model: OnnxClassifier;
let x: Tensor;
let labels: number[];

beforeAll(async () => {
  const digits = await readDigits();
  x = takeRows(digits.x, [...Array(20).keys()]);
  labels = digits.labels.slice(0, 20);
  model = await openDigits("mnist-standard");
});
afterAll(() => model.dispose());

async function distancesOf(attack: Attack, threat: Threat): Promise<number[]> {
  const { samples } = await run(model, x, labels, threat, { attack, activeSet: false });
  return samples.map(({ distance }) => distance ?? Infinity);
}

test("SparseFool changes as many features of each digit as the authors' code", async () => {
  // LTS4/SparseFool with lambda 3 and 20 iterations, in PyTorch 2.13.
  const authors = [35, 75, 52, 43, 35, 20, 81, 21, 43, 28, 149, 12, 35, 18, 66, 59, 67, 32, 54, 62];
  const found = await distancesOf(sparseFool(), l0(Infinity));
  // Where two features are as steep, rounding decides which goes first.
  expect(found.filter((count, row) => count === authors[row]).length).toBeGreaterThanOrEqual(18);
  expect(Math.abs(mean(found) / mean(authors) - 1)).toBeLessThan(0.02);
});

test("JSMA changes as many features as torchattacks does towards the same targets", async () => {
  // torchattacks 3.5.1 with theta 1 and gamma 0.145: median 21, mean 25.1.
  const found = await distancesOf(jsma(), l0(Infinity));
  expect(Math.abs(mean(found) - 25.1)).toBeLessThan(1);
});

test("NewtonFool stops nearer than ART, which goes on after the class has changed", async () => {
  // ART 1.20.1 with 100 iterations and eta 0.01: mean 2.367.
  expect(mean(await distancesOf(newtonFool(), l2(Infinity)))).toBeLessThan(2.367);
});

test("L-BFGS comes nearer than NewtonFool", async () => {
  const newton = mean(await distancesOf(newtonFool(), l2(Infinity)));
  expect(mean(await distancesOf(lbfgs({ searchSteps: 6, iterations: 30 }), l2(Infinity)))).toBeLessThan(newton);
});

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
