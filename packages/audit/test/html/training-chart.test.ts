import { parseHTML } from "linkedom";
import { expect, test } from "vitest";
import { trainingChart } from "../../src/html/training-chart.ts";
import type { TrainingReport } from "../../src/train-model.ts";

type Epoch = TrainingReport["history"][number];

function epoch(
  number: number,
  { loss, correct, robust, certified }: Pick<Epoch, "loss" | "correct"> & Partial<Epoch>,
): Epoch {
  const rest = { epoch: number, of: 100, learningRate: 0.01, epsilon: 0.1, seconds: number };
  return { ...rest, loss, correct, robust, certified };
}

/** Numbers of each line's path, in pixels, by its colour. */
function linesOf(svg: string): ReadonlyMap<string, readonly (readonly [number, number])[]> {
  const { document } = parseHTML(svg);
  const groups = [...document.querySelectorAll("g[aria-label=line]")].map((group) => {
    const path = group.querySelector("path")?.getAttribute("d") ?? "";
    const points = path
      .split(/[ML]/)
      .slice(1)
      .map((pair: string) => pair.split(",").map(Number) as unknown as readonly [number, number]);
    return [group.getAttribute("stroke")!, points] as const;
  });
  return new Map(groups);
}

const history = [
  epoch(1, { loss: 2, correct: 50, robust: 25, certified: 0 }),
  epoch(2, { loss: 1, correct: 75, robust: 50, certified: 25 }),
  epoch(3, { loss: 0.5, correct: 100, robust: 75, certified: 50 }),
];

test("draws each number of each epoch to scale", () => {
  const svg = trainingChart({ history, bestEpoch: 2 });
  const lines = linesOf(svg);
  expect([...lines.keys()]).toEqual(["#15191e", "#0b63b0", "#b3470b", "#1f7a45"]);
  // The frame is 216 pixels high below 40, and 372 wide from 48 on: 100 % stands at 40, 0 % at 256.
  const expected = {
    "#0b63b0": [0.5, 0.75, 1],
    "#b3470b": [0.25, 0.5, 0.75],
    "#1f7a45": [0, 0.25, 0.5],
    "#15191e": [1, 0.5, 0.25],
  };
  for (const [colour, values] of Object.entries(expected)) {
    for (const [i, value] of values.entries()) {
      const [x, y] = lines.get(colour)![i]!;
      expect(x).toBeCloseTo(48 + 186 * i, 1);
      expect(y).toBeCloseTo(256 - 216 * value, 1);
    }
  }
  expect(svg).toContain(
    "Loss, right, robust under PGD, certified of the validation samples by epoch, of 3; the best is 2",
  );
});

test("leaves out what was not measured", () => {
  const plain = history.map(({ epoch: number, loss, correct }) => epoch(number, { loss, correct }));
  const svg = trainingChart({ history: plain, bestEpoch: 3 });
  expect([...linesOf(svg).keys()]).toEqual(["#15191e", "#0b63b0"]);
  expect(svg).not.toContain("robust");
});

test.each([0, 1, 300])("holds only numbers with %d epochs, and at most sixteen of their marks", (count) => {
  const many = Array.from({ length: count }, (_, i) => epoch(i + 1, { loss: 1 / (i + 1), correct: 90, robust: 10 }));
  const svg = trainingChart({ history: many, bestEpoch: count });
  expect(svg).not.toMatch(/NaN|undefined|Infinity/);
  const { document } = parseHTML(svg);
  expect(document.querySelectorAll("g[aria-label='x-axis tick label'] text").length).toBeLessThanOrEqual(16);
});
