import { clip, norms } from "@casemate/tensor";
import type { Attack } from "../attack.ts";
import type { Search } from "../engine/search.ts";
import { threats } from "../threats/threat.ts";
import { annealed, dual, farthest, maskSlopes, meanRange, wanderWhereFlat } from "./box.ts";

export interface FmnOptions {
  readonly steps?: number;
  /** Euclidean length of the first step, in units of the mean range of the features; the last is a hundredth of it. */
  readonly stepSize?: number;
  /** By what share epsilon shrinks or grows at first; it ends at 0.001. */
  readonly gamma?: number;
}

/**
 * Fast minimum-norm (Pintor et al., 2021, https://arxiv.org/abs/2102.12827) with the authors' defaults: a step along the
 * gradient of the margin, then a projection onto a ball whose radius shrinks where the sample is adversarial and grows where it
 * is not; before the first adversarial, to where the boundary seems to be. Unlike the authors', it goes gamma beyond that, or else
 * a linear model is never crossed; it clips to the bounds before it projects, or else the ball is never filled; where there is
 * no slope it goes a random way; and it evaluates the point after the last step too.
 */
export function fmn({ steps = 100, stepSize = 1, gamma = 0.05 }: FmnOptions = {}): Attack {
  return {
    name: "FMN",
    access: "gradient",
    aim: "nearest",
    norms: ["linf", "l2", "l1", "l0"],
    restarts: 0,
    loss: "margin",
    parameters: { steps, stepSize, gamma },
    citation: { text: "Pintor et al., 2021", url: "https://arxiv.org/abs/2102.12827" },
    async *attempt(search) {
      const { model, threat, width } = search;
      const unit = meanRange(model.bounds, width);
      const balls: Balls = { radius: search.doubles(), best: search.doubles(), longest: search.doubles() };
      balls.radius.values.fill(threat.norm === "l0" ? 1 : Infinity);
      balls.best.values.fill(Infinity);
      balls.longest.values.set(farthest(search));
      for (let step = 0; step < steps; step++) {
        await search.differentiate("margin");
        maskSlopes(search.gradient.values, threat.mask);
        resize(search, balls, annealed(gamma, LAST_GAMMA, step / steps));
        wanderWhereFlat(search, step);
        const lengths = norms("l2", search.gradient.values, width);
        const stepLength = unit * annealed(stepSize, stepSize / 100, step / steps);
        for (let row = 0; row < search.active; row++) {
          const x = search.x.row(row);
          const slopes = search.gradient.row(row);
          const scale = stepLength / Math.max(lengths[row]!, SMALLEST);
          for (let j = 0; j < width; j++) x[j]! += scale * slopes[j]!;
          clip(x, model.bounds.lower, model.bounds.upper);
          const ball = threats[threat.norm](balls.radius.values[row]!);
          ball.project(x, search.origin.row(row), width, model.bounds);
        }
        yield { step: step + 1, steps };
      }
      await search.evaluate();
    },
  };
}

/** Per sample: the radius of its ball, the least distance of an adversarial so far, and the largest that the bounds allow. */
type Balls = Readonly<Record<"radius" | "best" | "longest", ReturnType<Search["doubles"]>>>;

function resize(search: Search, { radius, best, longest }: Balls, gamma: number): void {
  const { threat, width, x, origin, loss, adversarial, gradient } = search;
  const distances = threat.distance(x.values, origin.values, width);
  const slopes = threat.norm === "l0" ? undefined : norms(dual[threat.norm], gradient.values, width);
  for (let row = 0; row < search.active; row++) {
    const now = radius.values[row]!;
    const isAdversarial = adversarial.values[row] === 1;
    if (isAdversarial) best.values[row] = Math.min(best.values[row]!, distances[row]!);
    let next: number;
    if (!slopes) {
      const [shrunk, grown] = [now * (1 - gamma), now * (1 + gamma)].map(Math.floor) as [number, number];
      next = isAdversarial ? Math.max(0, Math.min(now - 1, shrunk, best.values[row]!)) : Math.max(now + 1, grown);
    } else if (isAdversarial) next = Math.min(now * (1 - gamma), best.values[row]!);
    else if (best.values[row]! < Infinity) next = now * (1 + gamma);
    else next = (1 + gamma) * (distances[row]! + Math.abs(loss.values[row]!) / Math.max(slopes[row]!, SMALLEST));
    radius.values[row] = Math.min(next, longest.values[row]!);
  }
}

const LAST_GAMMA = 0.001; // the authors'
const SMALLEST = 1e-12; // keeps 0/0 out, as the authors do
