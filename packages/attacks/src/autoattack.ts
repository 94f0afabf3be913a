import type { Attack } from "./attack.ts";
import { apgdCe, apgdDlr, apgdT } from "./gradient/apgd.ts";
import { fab, fabT } from "./minimum-norm/fab.ts";
import { square } from "./score/square.ts";

export interface AutoAttackOptions {
  /**
   * "standard" is what published robust accuracies are of; "plus" adds restarts and untargeted attacks; "rand" is for randomised
   * models, with the mean of 20 gradients at each step.
   */
  readonly version?: "standard" | "plus" | "rand";
}

/**
 * AutoAttack (Croce & Hein, 2020, https://arxiv.org/abs/2003.01690): attacks without parameters to tune, one after another on
 * what still stands, assembled as in the authors' code; in L1 "standard" has five restarts and five targets. Unlike there, a
 * sample leaves as soon as it is broken, and classes that a model does not have are not tried.
 */
export function autoAttack({ version = "standard" }: AutoAttackOptions = {}): Attack {
  return {
    name: "AutoAttack",
    access: "gradient",
    aim: "inside",
    norms: ["linf", "l2", "l1"],
    restarts: 0,
    parameters: { version },
    stages: assemblies[version],
    citation: { text: "Croce & Hein, 2020", url: "https://arxiv.org/abs/2003.01690" },
    async *attempt() {}, // its stages are run instead
  };
}

/** In L1 "standard" shrinks the ball, which the other versions leave as it is. */
const assemblies: Record<"standard" | "plus" | "rand", readonly Attack[]> = {
  standard: [
    { ...apgdCe(), norms: ["linf", "l2"] },
    { ...apgdCe({ restarts: 4 }), norms: ["l1"] },
    { ...apgdT(), norms: ["linf", "l2"] },
    { ...apgdT({ targets: 5 }), norms: ["l1"] },
    fabT(),
    square(),
  ],
  plus: [
    apgdCe({ restarts: 4, shrinkingBall: false }),
    apgdDlr({ restarts: 4, shrinkingBall: false }),
    fab({ restarts: 4 }),
    square(),
    apgdT({ shrinkingBall: false }),
    fabT(),
  ],
  rand: [apgdCe({ eotIterations: 20, shrinkingBall: false }), apgdDlr({ eotIterations: 20, shrinkingBall: false })],
};
