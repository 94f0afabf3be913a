import { fillNormal, fillUniform } from "@casemate/tensor";
import type { Attack } from "../attack.ts";
import { radiiOf, valueAt } from "../threats/radii.ts";

export interface NoiseOptions {
  /** Draws tried on each sample. */
  readonly repeats?: number;
}

/** Normally distributed noise stretched to the edge of the ball: a baseline that every attack should beat. */
export function gaussianNoise({ repeats = 10 }: NoiseOptions = {}): Attack {
  return additiveNoise("Gaussian noise", fillNormal, repeats);
}

/** Uniformly distributed noise stretched to the edge of the ball. */
export function uniformNoise({ repeats = 10 }: NoiseOptions = {}): Attack {
  return additiveNoise("Uniform noise", (target, draw) => fillUniform(target, draw, -1, 1), repeats);
}

function additiveNoise(name: string, fill: typeof fillNormal, repeats: number): Attack {
  return {
    name,
    access: "score",
    aim: "inside",
    norms: ["linf", "l2", "l1"],
    restarts: 0,
    parameters: { repeats },
    citation: { text: "Rauber et al., 2020 (Foolbox)", url: "https://doi.org/10.21105/joss.02607" },
    async *attempt(search) {
      const { threat, width, model, origin, x } = search;
      const radii = radiiOf(threat.epsilon, threat.mask);
      for (let step = 1; step <= repeats; step++) {
        for (let row = 0; row < search.active; row++) {
          const point = fill(x.row(row), search.draw(row, step));
          const center = origin.row(row);
          for (let j = 0; j < width; j++) point[j] = center[j]! + valueAt(radii, j) * point[j]!;
          const radius = threat.radius(point, center, width)[0]!;
          if (radius === 0) continue;
          for (let j = 0; j < width; j++) point[j] = center[j]! + (point[j]! - center[j]!) / radius;
        }
        threat.project(x.values, origin.values, width, model.bounds);
        await search.evaluate();
        yield { step, steps: repeats };
      }
    },
  };
}
