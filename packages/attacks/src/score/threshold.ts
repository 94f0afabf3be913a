import { fillUniform } from "@casemate/tensor";
import type { Attack } from "../attack.ts";
import { radiiOf, valueAt } from "../threats/radii.ts";
import { evolve } from "./differential-evolution.ts";

export interface ThresholdOptions {
  /** Candidates that evolve for each sample; at least 4. */
  readonly population?: number;
  readonly generations?: number;
}

/**
 * Threshold attack (Kotyan & Vargas, 2019, https://arxiv.org/abs/1906.06026): differential evolution of all features at once,
 * within the ball. The authors also evolve by CMA-ES, whose covariance of all pairs of features is too large for most inputs.
 */
export function threshold({ population = 400, generations = 100 }: ThresholdOptions = {}): Attack {
  return {
    name: "Threshold",
    access: "score",
    aim: "inside",
    norms: ["linf"],
    restarts: 0,
    parameters: { population, generations },
    citation: { text: "Kotyan & Vargas, 2019", url: "https://arxiv.org/abs/1906.06026" },
    async *attempt(search) {
      const { threat, model, width, origin } = search;
      const radii = radiiOf(threat.epsilon, threat.mask);
      yield* evolve(search, {
        genes: width,
        population,
        generations,
        begin(row, individual, genes) {
          fillUniform(genes, search.draw(row, 0, individual), -1, 1);
          const center = origin.row(row);
          for (let j = 0; j < width; j++) genes[j] = center[j]! + valueAt(radii, j) * genes[j]!;
        },
        limit: (row, genes) => threat.project(genes, origin.row(row), width, model.bounds),
        express: (_, genes, point) => point.set(genes),
      });
      if (search.active > 0) await search.evaluate();
    },
  };
}
