import type { TrainingMethod } from "../training/method.ts";
import { certifiedLoss, falling, type IbpOptions } from "./ibp.ts";
import { certifiedGraph, certifiedStep } from "./worst-case.ts";

/**
 * CROWN-IBP (Zhang et al., 2020, https://arxiv.org/abs/1906.06316): the margins are β times those of linear bounds carried back through
 * layers that intervals bound, and 1 − β times those of intervals; β falls from 1 to 0 while epsilon rises, then it is IBP.
 */
export function crownIbpTraining({ kappa = 0.5 }: IbpOptions = {}): TrainingMethod {
  return {
    name: "crown-ibp",
    source: "https://arxiv.org/abs/1906.06316",
    ramp: 0.5,
    certifiedBy: "ibp",
    loss: certifiedLoss,
    graph: (model) =>
      certifiedGraph(model, ({ graph, ibp, crown }) => {
        const beta = graph.input("beta", "float32", [1]);
        const rest = graph.Sub(graph.scalar(1, beta), beta);
        return graph.Add(graph.Mul(beta, crown()), graph.Mul(rest, ibp));
      }),
    step: (batch, state) =>
      certifiedStep(batch, state, {
        kappa: falling(state.ramp, kappa),
        beta: falling(state.ramp, 0),
      }),
  };
}
