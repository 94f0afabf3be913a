import { clip, fillNormal, norms } from "@casemate/tensor";
import type { Attack } from "../attack.ts";
import { type Answer, at, decideInLockstep, type Question, type Sample, type Solver } from "../engine/lockstep.ts";
import type { Search } from "../engine/search.ts";
import { findStart, finiteBounds } from "./decision-start.ts";

export interface SignOptOptions {
  /** Decisions for each sample, after which the iteration at work is the last. */
  readonly queries?: number;
  readonly iterations?: number;
  /** Decisions for one estimate of the gradient's sign. */
  readonly probes?: number;
  /** Random directions tried at first. */
  readonly directions?: number;
  /** First length of a step between directions. */
  readonly alpha?: number;
  /** How far apart probed directions are; bisections go to a 500th of it, in shares of the input's range. */
  readonly beta?: number;
  /** Random images tried as a starting point, before clean samples of other classes are. */
  readonly startTries?: number;
}

/**
 * Sign-OPT (Cheng et al., 2020, https://arxiv.org/abs/1909.10773) with the constants of the authors' code: descends the
 * distance of the boundary as a function of the direction, by the signs of its changes alone. Where a new direction is not
 * nearer, the authors go on to measure by how much, which changes nothing; here that takes one query.
 */
export function signOpt({
  queries = 20_000,
  iterations = 1000,
  probes = 200,
  directions = 100,
  alpha = 0.2,
  beta = 0.001,
  startTries = 100,
}: SignOptOptions = {}): Attack {
  const parameters = { queries, iterations, probes, directions, alpha, beta, startTries };
  return {
    name: "Sign-OPT",
    access: "decision",
    aim: "nearest",
    norms: ["l2"],
    restarts: 0,
    parameters,
    citation: { text: "Cheng et al., 2020", url: "https://arxiv.org/abs/1909.10773" },
    async *attempt(search) {
      await findStart(search, startTries);
      const ranges = rangesOf(search);
      for await (const round of decideInLockstep(search, (sample) => descend(sample, search, ranges, parameters))) {
        yield { step: Math.min(round, queries), steps: queries };
      }
    },
  };
}

function* descend(
  sample: Sample,
  { width, model, threat }: Search,
  { ranges, meanRange }: ReturnType<typeof rangesOf>,
  options: Required<SignOptOptions>,
): Solver<Question, Answer> {
  const { origin } = sample;
  const { lower, upper } = model.bounds;
  const point = new Float32Array(width);
  const probe = new Float32Array(width);
  let spent = 0;

  const place = (direction: Float32Array, length: number, target: Float32Array): void => {
    for (let j = 0; j < width; j++) target[j] = origin[j]! + length * direction[j]!;
    clip(target, lower, upper);
    sample.pin(target);
  };
  function* isAdversarial(direction: Float32Array, length: number): Decides {
    place(direction, length, point);
    spent++;
    const { adversarial }: Answer = yield at(point);
    return adversarial[0] === 1;
  }
  /** The shortest adversarial length between the two, to a tolerance. */
  function* bisect(direction: Float32Array, low: number, high: number, tolerance: number): Measures {
    while (high - low > tolerance) {
      const middle = (low + high) / 2;
      if (middle <= low || middle >= high) break; // below what float64 tells apart
      if (yield* isAdversarial(direction, middle)) high = middle;
      else low = middle;
    }
    return high;
  }
  /** How far the boundary is in a direction, if nearer than `best`; otherwise infinite. */
  function* measure(direction: Float32Array, best: number, tolerance: number): Measures {
    if (!(yield* isAdversarial(direction, best))) return Infinity;
    let [low, high] = [0.99 * best, best];
    while (yield* isAdversarial(direction, low)) {
      high = low;
      low *= 0.99;
      if (high <= tolerance) return high;
    }
    return yield* bisect(direction, low, high, tolerance);
  }
  const keep = (): void => {
    place(direction, distance, point);
    sample.keep(point);
  };

  let direction = Float32Array.from(sample.start, (value, j) => value - origin[j]!);
  let distance = normalize(direction);
  keep();
  for (let i = 1; sample.goal.target === undefined && i <= options.directions; i++) {
    const trial = new Float32Array(width);
    fillNormal(trial, sample.draw(0, i));
    for (let j = 0; j < width; j++) trial[j]! *= !threat.mask || threat.mask[j] ? ranges[j]! : 0;
    const length = normalize(trial);
    if (length === 0 || !(yield* isAdversarial(trial, length))) continue;
    if (length > distance && !(yield* isAdversarial(trial, distance))) continue;
    const found = yield* bisect(trial, 0, Math.min(length, distance), FIRST_TOLERANCE * meanRange);
    if (found >= distance) continue;
    [direction, distance] = [trial, found];
    keep();
  }

  let { alpha, beta } = options;
  const slope = new Float64Array(width);
  for (let iteration = 1; iteration <= options.iterations && spent <= options.queries; iteration++) {
    const draw = (index: number, target: Float32Array): void => {
      fillNormal(target, sample.draw(iteration, 1 + index));
      if (threat.mask) for (let j = 0; j < width; j++) if (!threat.mask[j]) target[j] = 0;
      normalize(target);
    };
    spent += options.probes;
    const { adversarial }: Answer = yield {
      count: options.probes,
      write(points) {
        for (let index = 0; index < options.probes; index++) {
          draw(index, probe);
          for (let j = 0; j < width; j++) probe[j] = direction[j]! + beta * probe[j]!;
          normalize(probe);
          place(probe, distance, points.subarray(index * width, (index + 1) * width));
        }
      },
    };
    const decisions = adversarial.slice();
    slope.fill(0);
    for (let index = 0; index < options.probes; index++) {
      draw(index, probe);
      const share = (decisions[index] ? -1 : 1) / options.probes;
      for (let j = 0; j < width; j++) slope[j]! += share * probe[j]!;
    }

    const turned = (): Float32Array<ArrayBuffer> => {
      const turn = direction.map((value, j) => value - alpha * slope[j]!);
      normalize(turn);
      return turn;
    };
    const tolerance = (beta / 500) * meanRange;
    let [nextDirection, nextDistance] = [direction, distance];
    for (let attempt = 0; attempt < MOST_STEPS; attempt++) {
      const turn = turned();
      const length = yield* measure(turn, nextDistance, tolerance);
      alpha *= 2;
      if (length >= nextDistance) break;
      [nextDirection, nextDistance] = [turn, length];
    }
    for (let attempt = 0; nextDistance >= distance && attempt < MOST_STEPS; attempt++) {
      alpha *= 0.25;
      const turn = turned();
      const length = yield* measure(turn, nextDistance, tolerance);
      if (length < nextDistance) [nextDirection, nextDistance] = [turn, length];
    }
    if (alpha < SMALLEST_ALPHA) {
      alpha = 1;
      beta *= 0.1;
      if (beta < SMALLEST_BETA) break;
    }
    if (nextDistance >= distance) continue;
    [direction, distance] = [nextDirection, nextDistance];
    keep();
  }
  return undefined;
}

type Decides = Generator<Question, boolean, Answer>;
type Measures = Generator<Question, number, Answer>;

/** Scales to unit length; returns what that was. */
function normalize(direction: Float32Array): number {
  const length = norms("l2", direction, direction.length)[0]!;
  if (length > 0) for (let j = 0; j < direction.length; j++) direction[j]! /= length;
  return length;
}

function rangesOf(search: Search): { ranges: Float64Array; meanRange: number } {
  const { low, high } = finiteBounds(search);
  const ranges = high.map((value, j) => value - low[j]!);
  return { ranges, meanRange: ranges.reduce((sum, range) => sum + range, 0) / ranges.length };
}

const FIRST_TOLERANCE = 1e-3;
const MOST_STEPS = 15;
const SMALLEST_ALPHA = 1e-4;
const SMALLEST_BETA = 1e-8;
