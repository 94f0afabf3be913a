import { clip, distances } from "@casemate/tensor";
import type { Attack } from "../attack.ts";
import { type Answer, at, decideInLockstep, type Question, type Sample, type Solver } from "../engine/lockstep.ts";
import type { Search } from "../engine/search.ts";
import { valueAt } from "../threats/radii.ts";
import type { BallNorm } from "../threats/threat.ts";
import { findStart, finiteBounds } from "./decision-start.ts";
import { type FillNoise, frequencyNoise } from "./frequency-noise.ts";

export interface GeoDaOptions {
  /** Decisions for each sample, about. */
  readonly queries?: number;
  /** How slowly the share of decisions grows from one estimate of the normal to the next: 1 is not at all. */
  readonly lambda?: number;
  /** Standard deviation of the probes, as a share of the input's range. */
  readonly sigma?: number;
  /** Probes of images use so many of the lowest frequencies along each side; a third of the longer side if absent. */
  readonly frequencies?: number;
  /** How near bisections come to the boundary, as a share of the input's range. */
  readonly tolerance?: number;
  /** Random images tried as a starting point, before clean samples of other classes are. */
  readonly startTries?: number;
}

/**
 * GeoDA (Rahmati et al., 2020, https://arxiv.org/abs/2003.06468) with the constants of the authors' code: estimates the normal of
 * a boundary that is taken to be flat, and goes from the sample along what the norm makes of it. The length is found by
 * doubling, where the authors take steps of a fixed size; in L1, features go to their bounds in the order of the normal.
 */
export function geoda({
  queries = 4000,
  lambda = 0.6,
  sigma = 2e-4,
  frequencies,
  tolerance = 1e-4,
  startTries = 100,
}: GeoDaOptions = {}): Attack {
  const parameters = { queries, lambda, sigma, tolerance, startTries, ...(frequencies && { frequencies }) };
  return {
    name: "GeoDA",
    access: "decision",
    aim: "nearest",
    norms: ["l2", "linf", "l1"],
    restarts: 0,
    parameters,
    citation: { text: "Rahmati et al., 2020", url: "https://arxiv.org/abs/2003.06468" },
    async *attempt(search) {
      await findStart(search, startTries);
      const { low, high } = finiteBounds(search);
      const range = high.reduce((sum, each, j) => sum + each - low[j]!, 0) / high.length;
      const plan: Plan = {
        probes: spreadQueries(queries, lambda),
        fill: frequencyNoise(search.model, frequencies),
        range,
        sigma: sigma * range,
        tolerance: tolerance * range,
      };
      for await (const round of decideInLockstep(search, (sample) => approach(sample, search, plan))) {
        yield { step: Math.min(round, queries), steps: queries };
      }
    },
  };
}

interface Plan {
  /** Decisions for each estimate. */
  readonly probes: readonly number[];
  readonly fill: FillNoise;
  readonly sigma: number;
  readonly tolerance: number;
  /** The mean of what features range over; the two above are in its units. */
  readonly range: number;
}

function* approach(sample: Sample, search: Search, plan: Plan): Solver<Question, Answer> {
  const { width, model, threat } = search;
  const { lower, upper } = model.bounds;
  const norm = threat.norm as BallNorm;
  const { origin, start: boundary } = sample;
  const normal = new Float64Array(width);
  const point = new Float32Array(width);
  sample.keep(boundary);

  function* isAdversarial(): Generator<Question, boolean, Answer> {
    clip(point, lower, upper);
    sample.pin(point);
    const { adversarial }: Answer = yield at(point);
    return adversarial[0] === 1;
  }
  /** Bisects between 0 and `most`; leaves the nearest adversarial that was found in `boundary`. */
  function* bisect(place: (t: number) => void, most: number, tolerance: number): Generator<Question, void, Answer> {
    for (let low = 0, high = most; high - low > tolerance; ) {
      const middle = (low + high) / 2;
      if (middle <= low || middle >= high) return;
      place(middle);
      if (yield* isAdversarial()) {
        high = middle;
        boundary.set(point);
      } else low = middle;
    }
  }

  for (const [iteration, count] of plan.probes.entries()) {
    const { adversarial }: Answer = yield {
      count,
      write(probes) {
        for (let i = 0; i < count; i++) {
          const probe = probes.subarray(i * width, (i + 1) * width);
          plan.fill(probe, sample.draw(iteration, 1 + i));
          for (let j = 0; j < width; j++) probe[j] = boundary[j]! + plan.sigma * probe[j]!;
          sample.pin(probe);
        }
        clip(probes, lower, upper);
      },
    };
    // By the noise as it was drawn: what the bounds leave of it has a mean, which would pass for a slope.
    for (let i = 0; i < count; i++) {
      plan.fill(point, sample.draw(iteration, 1 + i));
      const share = (adversarial[i] ? 1 : -1) / count;
      for (let j = 0; j < width; j++) if (!threat.mask || threat.mask[j]) normal[j]! += share * point[j]!;
    }
    if (norm === "l1") {
      const order = Array.from(normal.keys()).sort((a, b) => Math.abs(normal[b]!) - Math.abs(normal[a]!));
      /** The first `t` features of the order at their bounds, the last of them in part. */
      const place = (t: number): void => {
        point.set(origin);
        for (let k = 0; k < t; k++) {
          const j = order[k]!;
          const bound = normal[j] === 0 ? origin[j]! : valueAt(normal[j]! > 0 ? upper : lower, j);
          point[j] = origin[j]! + Math.min(1, t - k) * (bound - origin[j]!);
        }
      };
      place(width);
      if (!(yield* isAdversarial())) continue;
      boundary.set(point);
      yield* bisect(place, width, plan.tolerance / plan.range);
    } else {
      const direction = norm === "linf" ? normal.map(Math.sign) : unit(normal);
      const distance = distances(norm, boundary, origin, width)[0]!;
      let found = false;
      for (let doublings = 0; !found && doublings < MOST_DOUBLINGS; doublings++) {
        for (let j = 0; j < width; j++) point[j] = origin[j]! + distance * 2 ** doublings * direction[j]!;
        found = yield* isAdversarial();
      }
      if (!found) continue;
      boundary.set(point);
      const far = point.slice();
      const place = (t: number): void => {
        for (let j = 0; j < width; j++) point[j] = (1 - t) * origin[j]! + t * far[j]!;
      };
      yield* bisect(place, 1, plan.tolerance / distances("l2", far, origin, width)[0]!);
    }
    sample.keep(boundary);
  }
  return undefined;
}

function unit(normal: Float64Array): Float64Array {
  const length = Math.sqrt(normal.reduce((sum, each) => sum + each * each, 0));
  return normal.map((each) => (length === 0 ? 0 : each / length));
}

/**
 * How the decisions are spread over the estimates: each takes lambda^(-2/3) times as many as the one before, the first at most
 * 80, and 25 are left for each bisection, as in the authors' code.
 */
export function spreadQueries(queries: number, lambda: number): number[] {
  const spread = (available: number): number[] => {
    for (let count = 1; ; count++) {
      const weights = Array.from({ length: count }, (_, i) => lambda ** ((-2 * i) / 3));
      const sum = weights.reduce((total, weight) => total + weight, 0);
      if (available / sum <= MOST_FIRST_PROBES + 0.5) {
        return weights.map((weight) => Math.max(1, Math.round((available * weight) / sum)));
      }
    }
  };
  const left = (estimates: number): number => Math.max(1, queries - QUERIES_PER_BISECTION * estimates);
  return spread(left(spread(left(Math.round(queries / 500))).length));
}

const MOST_FIRST_PROBES = 80;
const QUERIES_PER_BISECTION = 25;
const MOST_DOUBLINGS = 12;
