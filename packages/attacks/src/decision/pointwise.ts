import { fillUniform } from "@casemate/tensor";
import type { Attack } from "../attack.ts";
import { type Answer, at, decideInLockstep, type Question, type Sample, type Solver } from "../engine/lockstep.ts";
import type { Search } from "../engine/search.ts";
import { saltAndPepperPath } from "./path-attacks.ts";
import { searchAlongPath } from "./path-search.ts";

export interface PointwiseOptions {
  /** Begun so often, each time with other noise; what changes the fewest features counts. */
  readonly repeats?: number;
  /** Equal steps of the salt and pepper noise to start from, and halvings of the last. */
  readonly steps?: number;
  readonly bisections?: number;
}

/**
 * The pointwise attack (Schott et al., 2018, https://arxiv.org/abs/1805.09190), repeated as in the paper: starts with salt and
 * pepper noise and takes features back to the sample, one by one in random order, while that stays adversarial. Samples that
 * no noise makes adversarial are failed.
 */
export function pointwise({ repeats = 10, steps = 50, bisections = 10 }: PointwiseOptions = {}): Attack {
  return {
    name: "Pointwise",
    access: "decision",
    aim: "nearest",
    norms: ["l0"],
    restarts: repeats - 1,
    parameters: { repeats, steps, bisections },
    citation: { text: "Schott et al., 2018", url: "https://arxiv.org/abs/1805.09190" },
    async *attempt(search) {
      const isLast = search.restart === repeats - 1;
      const lost = (row: number) =>
        isLast && !search.kept(row) && `no starting point: salt and pepper was not adversarial in ${repeats} repeats`;
      yield* searchAlongPath(search, saltAndPepperPath(search), { steps, bisections, lost });
      const most = steps + search.width;
      for await (const round of decideInLockstep(search, (sample) => takeBack(sample, search))) {
        yield { step: Math.min(steps + round, most), steps: most };
      }
    },
  };
}

function* takeBack(sample: Sample, { width }: Search): Solver<Question, Answer> {
  const { origin, start: point } = sample;
  for (let pass = 1, improved = true; improved; pass++) {
    improved = false;
    const order = fillUniform(new Float32Array(width), sample.draw(pass, FIRST_PURPOSE));
    const changed = Array.from(order.keys()).filter((j) => point[j] !== origin[j]);
    for (const j of changed.sort((a, b) => order[a]! - order[b]!)) {
      const noise = point[j]!;
      point[j] = origin[j]!;
      const { adversarial }: Answer = yield at(point);
      if (adversarial[0]) {
        improved = true;
        sample.keep(point);
      } else point[j] = noise;
    }
  }
  return undefined;
}

const FIRST_PURPOSE = 2; // the noise has those before
