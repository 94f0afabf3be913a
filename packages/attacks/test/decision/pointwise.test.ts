import { tensor } from "@casemate/tensor";
import { expect, test } from "vitest";
import { l0, pointwise, run } from "../../src/index.ts";
import { linear } from "../classifiers.ts";
import { describeAttack } from "../describe-attack.ts";

describeAttack({ attack: pointwise({ repeats: 6, steps: 6, bisections: 3 }) });

// Class 0 while more than half a feature is left of the first three, which start at 1.
const three = linear(
  [
    [1, 1, 1, 0, 0, 0],
    [0, 0, 0, 0, 0, 0],
  ],
  [-1.5, 0],
);

test("changes just the features that it must", async () => {
  const x = tensor([1, 6], Float32Array.of(1, 1, 1, 0.5, 0.5, 0.5));
  const { samples } = await run(three, x, [0], l0(Infinity), { attack: pointwise(), activeSet: false });
  expect(samples[0]).toMatchObject({ status: "broken", distance: 2 });
  expect([...samples[0]!.adversarial!.subarray(3)]).toEqual([0.5, 0.5, 0.5]);
});

test("fails with the reason where no noise is adversarial", async () => {
  const constant = linear([new Array(4).fill(0), new Array(4).fill(0)], [1, 0]);
  const { samples } = await run(constant, tensor([1, 4]), [0], l0(2), { attack: pointwise({ repeats: 3 }) });
  expect(samples[0]).toMatchObject({
    status: "failed",
    message: "no starting point: salt and pepper was not adversarial in 3 repeats",
  });
});
