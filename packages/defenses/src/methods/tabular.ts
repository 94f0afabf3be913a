import { DefenseError } from "../errors.ts";
import type { TrainingMethod } from "../training/method.ts";
import { type AscentOptions, randomPoints } from "./ascend.ts";
import { crossEntropy } from "./cross-entropy.ts";
import { climbCrossEntropy } from "./pgd.ts";
import { meanOfBlocks, stacked } from "./rows.ts";

/**
 * Adversarial training for tables: PGD whose every point is one that the rules of the table allow (whole numbers, one-hot
 * groups, features that only grow, formulas), as constrained attacks look for them (Simonetto et al., 2024,
 * https://arxiv.org/abs/2406.00775), half of each step on the clean rows. Throws a DefenseError INVALID_OPTION where the threat
 * has no rules.
 */
export function tabularTraining({ steps = 10, stepSize = 0.25 }: Partial<AscentOptions> = {}): TrainingMethod {
  return {
    name: "tabular",
    source: "Simonetto et al., 2024, https://arxiv.org/abs/2406.00775",
    loss: crossEntropy,
    gradientsPerStep: steps,
    async step(batch, state) {
      if (!state.threat.constraints) {
        throw new DefenseError(
          "INVALID_OPTION",
          "tabular: expected a contract with rules for its features; pgd needs none",
        );
      }
      const examples = await climbCrossEntropy(randomPoints(batch, state), batch, state, { steps, stepSize });
      const feeds = { [state.input]: stacked(batch.x, examples), targets: stacked(batch.targets, batch.targets) };
      const { loss } = await state.trainer.step(feeds, state.rate);
      return meanOfBlocks(loss, 2);
    },
  };
}
