import { openTrainer, withWeights } from "@casemate/onnx";
import { tensor } from "@casemate/tensor";
import { expect, onTestFinished, test } from "vitest";
import { mart, mlp, trades } from "../../src/index.ts";
import { pairedFeeds } from "../../src/methods/rows.ts";

/*
 * Objective and its gradient with respect to W of logits = W x, by PyTorch 2.13 in float64 from the formulas of the authors' code:
 * TRADES with beta 6, MART with beta 5.
 */
const expected = [
  {
    name: "TRADES",
    method: trades(),
    objective: 1.2532711366399019,
    gradient: [
      0.07037807276527132, -0.061414080673663426, 0.05696235168839209, -0.16254720211007276, -0.21456846180857825,
      -0.30020064373301203, 0.09216912934480137, 0.27598254248224147, 0.2432382920446198,
    ],
  },
  {
    name: "MART",
    method: mart(),
    objective: 1.7406133776532469,
    gradient: [
      0.05552146694693086, 0.009773606843740373, 0.09631098693325821, -0.1773491007114869, -0.26862410381896956,
      -0.33107347985975216, 0.12182763376455617, 0.2588504969752293, 0.2347624929264941,
    ],
  },
];

const x = tensor([3, 3], Float32Array.of(0.9, 0.1, 0.3, 0.2, 0.8, 0.4, 0.5, 0.6, 0.7));
const examples = tensor([3, 3], Float32Array.of(0.7, 0.3, 0.2, 0.3, 0.6, 0.5, 0.6, 0.4, 0.5));
const targets = tensor([3, 3], Float32Array.of(1, 0, 0, 0, 1, 0, 0, 1, 0));
const weights = new Map([
  ["dense1.weight", tensor([3, 3], Float32Array.of(2, -1, 0.5, 0.3, 1.5, -0.7, -1, 0.4, 2.2))],
  ["dense1.bias", tensor([3], new Float32Array(3))],
]);

test.each(expected)("$name descends the authors' objective", async ({ method, objective, gradient }) => {
  const model = withWeights(mlp({ inputShape: [3], classes: 3, hidden: [] }), weights);
  const trainer = await openTrainer(model, { loss: method.loss(3), optimizer: { type: "sgd" } });
  onTestFinished(() => trainer.dispose());
  const draw = () => ({ seed: 0, stream: 0, sample: 0, step: 0 });
  const { x: input, ...feeds } = pairedFeeds({ x, labels: Int32Array.of(0, 1, 1), targets, draw }, examples);
  const found = await trainer.gradients({ input, ...feeds });
  for (const [i, slope] of gradient.entries()) expect(found.get("dense1.weight")!.data[i]).toBeCloseTo(slope, 5);
  const { loss } = await trainer.step({ input, ...feeds }, 0.1);
  expect(loss.reduce((sum, each) => sum + each, 0) / loss.length).toBeCloseTo(objective, 5);
});
