import type { Attack } from "./attack.ts";

/**
 * Fast gradient sign method (Goodfellow et al., 2014, https://arxiv.org/abs/1412.6572): one step from the clean sample to the
 * edge of the ball, in the direction that raises the loss the most. In L2 that is along the gradient (FGM), in L1 it changes
 * the one feature with the largest slope.
 */
export function fgsm(): Attack {
  return {
    name: "FGSM",
    access: "gradient",
    aim: "inside",
    norms: ["linf", "l2", "l1"],
    restarts: 0,
    loss: "cross-entropy",
    parameters: { loss: "cross-entropy" },
    citation: { text: "Goodfellow et al., 2014", url: "https://arxiv.org/abs/1412.6572" },
    async *attempt(search) {
      const { threat, model, width } = search;
      const direction = search.floats();
      await search.differentiate("cross-entropy", { record: false });
      threat.steepest(search.gradient.values, direction.values, width);
      add(search.x.values, 1, direction.values);
      threat.project(search.x.values, search.origin.values, width, model.bounds);
      await search.evaluate();
      yield { step: 1, steps: 1 };
    },
  };
}

/** x += scale · direction, in place. */
export function add(x: Float32Array, scale: number, direction: Float32Array): void {
  for (let i = 0; i < x.length; i++) x[i]! += scale * direction[i]!;
}
