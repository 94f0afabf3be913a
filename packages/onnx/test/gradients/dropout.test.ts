import { expect, test } from "vitest";
import { differentiate } from "../../src/differentiate.ts";
import { openSession } from "../../src/session.ts";
import { modelWith, node } from "./gradient-at.ts";
import { bools, floats, numbersOf, uniform } from "./harness.ts";

test.each([0.25, undefined])(
  "dropout in training with ratio %s passes on what its mask lets through",
  async (ratio) => {
    const x = uniform([4, 50], { kinks: [0] });
    const model = modelWith(
      [node("Dropout", ["x", ratio === undefined ? "" : "ratio", "training"], ["y", "mask"], { seed: 3 })],
      { x },
      { ...(ratio !== undefined && { ratio: floats([], [ratio]) }), training: bools([1], []) },
    );
    const derived = await differentiate(model, { wrt: ["x"], loss: (graph, y) => graph.ReduceSum(y, [1], 0) });
    const session = await openSession(derived, { threads: 1 });
    const results = await session.run({ x });
    await session.dispose();
    // y = gain x in each place, whatever the draw of this run
    const gains = numbersOf(results.y!).map((y, index) => y / numbersOf(x)[index]!);
    expect(new Set(gains.map((gain) => gain.toFixed(5)))).toEqual(
      new Set(["0.00000", (1 / (1 - (ratio ?? 0.5))).toFixed(5)]),
    );
    numbersOf(results["gradient/x"]!).forEach((gradient, index) => {
      expect(gradient).toBeCloseTo(gains[index]!, 5);
    });
  },
);
