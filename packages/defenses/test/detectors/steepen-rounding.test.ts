import { openClassifier } from "@casemate/attacks";
import { editOutput, openSession } from "@casemate/onnx";
import { tensor } from "@casemate/tensor";
import { expect, onTestFinished, test } from "vitest";
import { steepenRounding } from "../../src/detectors/steepen-rounding.ts";
import { linearModel } from "./linear-model.ts";

/** z = [round(a + b), round(a − b)]. */
const rounding = editOutput(linearModel(), { name: "z", dtype: "float32", shape: undefined }, (graph, z) =>
  graph.op("Round", [z]),
);

test("rounds to the same numbers", async () => {
  const x = tensor(
    [400, 2],
    Float32Array.from({ length: 800 }, (_, i) => (i % 2 === 0 ? (i - 400) * 0.0113 : 0.003)),
  );
  const [plain, steep] = await Promise.all(
    [rounding, steepenRounding(rounding)].map(async (model) => {
      const session = await openSession(model);
      onTestFinished(() => session.dispose());
      return (await session.run({ x }))[model.graph.outputs[0]!.name]!.data;
    }),
  );
  expect(steep).toEqual(plain);
});

test("has the slope 1.9 at a step and 0.1 between steps", async () => {
  const options = { bounds: { lower: -9, upper: 9 }, inputShape: [2], straightThrough: true };
  const classifier = await openClassifier(steepenRounding(rounding), options);
  onTestFinished(() => classifier.dispose());
  const x = tensor([1, 2], Float32Array.of(0.75, -0.25)); // a + b = 0.5 and a − b = 1
  const { gradient } = await classifier.lossGradient(x, Int32Array.of(0), "margin");
  // The margin climbs z₁ − z₀: the slopes of a and b are 0.1 − 1.9 and −0.1 − 1.9.
  expect(gradient.data[0]).toBeCloseTo(-1.8, 4);
  expect(gradient.data[1]).toBeCloseTo(-2, 4);
});
