import type { Attack, Step } from "../attack.ts";
import type { Search } from "../engine/search.ts";
import { NextBestClasses } from "../gradient/next-best-classes.ts";
import { threats } from "../threats/threat.ts";
import { BoundaryWalk } from "./boundary-walk.ts";
import { NearestBoundary } from "./nearest-boundary.ts";

export interface FabOptions {
  readonly steps?: number;
  /** From the second on, they begin at a random point halfway to the edge of the ball. */
  readonly restarts?: number;
  /** How much of a step, at most, leads from the clean sample instead of the current point. */
  readonly alphaMax?: number;
  /** By how much a step goes past the boundary: 1 ends on it. */
  readonly overshoot?: number;
  /** What remains of an adversarial perturbation before the next step. */
  readonly backwardStep?: number;
}

export interface FabTargetedOptions extends FabOptions {
  /** How many of the clean sample's next-best classes are tried; at most all but the label. */
  readonly targets?: number;
}

/**
 * Fast adaptive boundary attack (Croce & Hein, 2020, https://arxiv.org/abs/1907.02044): steps onto the nearest of the
 * linearised boundaries to all other classes, drawn back towards the clean sample. Every step takes a gradient for each
 * class; for many classes use `fabT`. Defaults from the authors' AutoAttack; unlike there, points at which a gradient is
 * taken count too if they are adversarial.
 */
export function fab(options: FabOptions = {}): Attack {
  return fabAttack("FAB", 0, options);
}

/**
 * FAB towards the clean sample's next-best classes one after another, one gradient per step. Under a targeted criterion it
 * has that one target, and the boundary is that to the class which is ahead.
 */
export function fabT({ targets = 9, ...options }: FabTargetedOptions = {}): Attack {
  return fabAttack("FAB-T", targets, options);
}

function fabAttack(
  name: string,
  targets: number,
  { steps = 100, restarts = 0, alphaMax = 0.1, overshoot = 1.05, backwardStep = 0.9 }: FabOptions,
): Attack {
  return {
    name,
    access: "gradient",
    aim: "nearest",
    norms: ["linf", "l2", "l1"],
    restarts,
    parameters: { steps, restarts, alphaMax, overshoot, backwardStep, ...(targets > 0 && { targets }) },
    citation: { text: "Croce & Hein, 2020", url: "https://arxiv.org/abs/1907.02044" },
    async *attempt(search) {
      const walk = new BoundaryWalk(search, { alphaMax, overshoot, backwardStep });
      if (search.active > 0 && search.goal(0).target !== undefined) {
        return yield* wander(search, walk, steps, 0, () => search.differentiate("margin"));
      }
      if (targets === 0) {
        const nearest = new NearestBoundary(search);
        return yield* wander(search, walk, steps, 0, () => nearest.find());
      }
      const classes = new NextBestClasses(search, targets);
      await classes.rank();
      for (let rank = 0; rank < classes.count; rank++) {
        const goal = { targets: classes.at(rank) };
        const linearise = () => search.differentiate("difference", goal);
        for await (const { step } of wander(search, walk, steps, rank, linearise)) {
          yield { step: rank * steps + step, steps: classes.count * steps };
        }
      }
    },
  };
}

/** One walk of all samples. `linearise` puts the value and slope of what is to become positive into the search. */
async function* wander(
  search: Search,
  walk: BoundaryWalk,
  steps: number,
  start: number,
  linearise: () => Promise<void>,
): AsyncGenerator<Step, void> {
  begin(search, start);
  for (let step = 1; step <= steps; step++) {
    await linearise();
    walk.step();
    await search.evaluate();
    walk.drawBack();
    yield { step, steps };
  }
}

/** At the clean samples or, when it is begun anew, at random points halfway to the edge of the ball. */
function begin(search: Search, start: number): void {
  search.x.values.set(search.origin.values);
  if (search.restart === 0) return;
  const { norm, epsilon, mask } = search.threat;
  if (norm === "l0") return;
  const isBall = typeof epsilon === "number" && Number.isFinite(epsilon);
  const threat = threats[norm]((isBall ? epsilon : usual[norm]) / 2, { ...(mask && { mask }) });
  search.randomStart({ onSurface: true, step: start, threat });
}

/** Radii for the random starts where the search has none, as the authors have them for inputs in [0, 1]. */
const usual = { linf: 0.3, l2: 1, l1: 5 };
