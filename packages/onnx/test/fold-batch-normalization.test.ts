import { expect, test } from "vitest";
import { foldBatchNormalization } from "../src/fold-batch-normalization.ts";
import { float } from "../src/graph-builder.ts";
import type { Model } from "../src/model.ts";
import { firstOutput, tinyModel, wave } from "./tiny-model.ts";

function convolutionAndNormalization({ bias = true, reuse = false } = {}): Model {
  return tinyModel(["batch", 2, 5, 6], (graph, x) => {
    const inputs = [x, graph.constant(wave([3, 2, 3, 3], 1)), bias ? graph.constant(wave([3], 2)) : undefined];
    const y = graph.op("Conv", inputs, { attributes: { pads: [1, 1, 1, 1] } });
    const variance = { ...wave([3], 6), data: wave([3], 6).data.map((each) => each * each + 0.5) };
    const parameters = [wave([3], 3), wave([3], 4), wave([3], 5), variance].map((tensor) => graph.constant(tensor));
    const normalized = graph.op("BatchNormalization", [y, ...parameters], { attributes: { epsilon: float(1e-3) } });
    return reuse ? graph.Add(normalized, y) : normalized;
  });
}

test.each([{ bias: true }, { bias: false }])("folding leaves the numbers as they were ($bias)", async (options) => {
  const model = convolutionAndNormalization(options);
  const folded = foldBatchNormalization(model, []);
  expect(folded.graph.nodes.map((node) => node.op)).toEqual(["Conv"]);
  const feeds = { x: wave([2, 2, 5, 6]) };
  const expected = await firstOutput(model, feeds);
  const actual = await firstOutput(folded, feeds);
  for (const [index, number] of expected.entries()) {
    expect(actual[index]).toBeCloseTo(number, 5);
  }
});

test("a convolution that others read keeps its normalisation", () => {
  const model = convolutionAndNormalization({ reuse: true });
  expect(foldBatchNormalization(model, [])).toBe(model);
});

test("weights that are asked for keep their place", () => {
  const model = convolutionAndNormalization();
  expect(foldBatchNormalization(model, [model.graph.nodes[0]!.inputs[1]!])).toBe(model);
});
