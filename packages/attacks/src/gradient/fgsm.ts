import type { Attack } from "../attack.ts";

/**
 * Fast gradient sign method (Goodfellow et al., 2014, https://arxiv.org/abs/1412.6572): one step from the clean sample to the
 * edge of the ball, in the direction that raises the loss the most. In L2 that is along the gradient (FGM), in L1 it changes
 * the one feature with the largest slope of those that the bounds let move.
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
      await search.differentiate("cross-entropy", { record: false });
      const climbing = { width, bounds: model.bounds, stepSize: 1, sparsity: 0 };
      threat.climb(search.x.values, search.gradient.values, search.origin.values, climbing);
      await search.evaluate();
      yield { step: 1, steps: 1 };
    },
  };
}
