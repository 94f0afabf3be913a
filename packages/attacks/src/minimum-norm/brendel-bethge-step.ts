import type { BallNorm } from "../threats/threat.ts";

/** What one step of the attack of Brendel and Bethge is to do. Its arrays hold a number for each feature. */
export interface StepProblem {
  /** The step that would take all change back: the clean sample less where the search is. */
  readonly home: Float64Array;
  /** How far each feature may move, down (at most 0) and up. */
  readonly lower: Float64Array;
  readonly upper: Float64Array;
  /** Slope of the loss. */
  readonly slope: Float64Array;
  /** By how much the loss is to rise, as the slope has it. */
  readonly rise: number;
  /** The longest step, in L2. */
  readonly radius: number;
}

/**
 * Writes to `step` the change within the bounds and the radius that raises the loss as asked and ends as near to the clean sample
 * as it can; if none rises so far, the one that rises the most. Foolbox solves the same problems by other means.
 */
export function solveStep(norm: BallNorm, problem: StepProblem, step: Float64Array): void {
  if (rise(problem, step, shortest, 0) && lengthOf(step) <= problem.radius) nearest[norm](problem, step);
  else climb(problem, step);
}

/** The nearest solution in a norm, where there is one. */
const nearest: Record<BallNorm, (problem: StepProblem, step: Float64Array) => void> = {
  l2: (problem, step) => goHome(problem, step, pullL2, 1),
  l1(problem, step) {
    const { slope } = problem;
    if (!goHomeButForFew(problem, step, (j) => Math.abs(slope[j]!))) goHome(problem, step, pullL1, Infinity);
  },
  l0(problem, step) {
    const { slope, lower, upper, home } = problem;
    const room = (j: number) => Math.max(slope[j]! * (upper[j]! - home[j]!), slope[j]! * (lower[j]! - home[j]!));
    if (!goHomeButForFew(problem, step, room)) goHome(problem, step, pullL0, Infinity);
  },
  linf: goHomeInBox,
};

/**
 * Writes where features go, before the bounds: what minimises pull · distance + (step - push)², up to constants, the push being
 * the multiplier of the rise times the slope. Without pull, the step is the shortest.
 */
type Place = (problem: StepProblem, multiplier: number, pull: number, step: Float64Array) => void;

const shortest: Place = ({ slope }, multiplier, _, step) => {
  for (let j = 0; j < step.length; j++) step[j] = multiplier * slope[j]!;
};
const pullL2: Place = ({ home, slope }, multiplier, pull, step) => {
  for (let j = 0; j < step.length; j++) step[j] = pull * home[j]! + multiplier * slope[j]!;
};
const pullL1: Place = ({ home, slope }, multiplier, pull, step) => {
  for (let j = 0; j < step.length; j++) {
    const push = multiplier * slope[j]!;
    const away = push - home[j]!;
    step[j] = away > pull ? push - pull : away < -pull ? push + pull : home[j]!;
  }
};
const pullL0: Place = ({ home, slope, lower, upper }, multiplier, pull, step) => {
  for (let j = 0; j < step.length; j++) {
    const push = multiplier * slope[j]!;
    const moved = push < lower[j]! ? lower[j]! : push > upper[j]! ? upper[j]! : push;
    const fromHome = home[j]! - push;
    const fromMoved = moved - push;
    step[j] = fromHome * fromHome - fromMoved * fromMoved <= pull ? home[j]! : moved;
  }
};

/**
 * Finds the multiplier with which the step rises as asked, by Newton's method between bounds, since the rise only grows with
 * it. False if no multiplier does.
 */
function rise(problem: StepProblem, step: Float64Array, place: Place, pull: number): boolean {
  const { home, lower, upper, slope } = problem;
  const tolerance = RISE_TOLERANCE * Math.abs(problem.rise);
  let [steepness, least, most] = [0, 0, 0];
  for (let j = 0; j < slope.length; j++) {
    steepness += slope[j]! * slope[j]!;
    least += slope[j]! * (slope[j]! > 0 ? lower[j]! : upper[j]!);
    most += slope[j]! * (slope[j]! > 0 ? upper[j]! : lower[j]!);
  }
  if (steepness === 0 || problem.rise < least || problem.rise > most) return false;
  let reach = Math.abs(problem.rise) / steepness;
  let [low, high] = [-Infinity, Infinity];
  for (let multiplier = 0, round = 0; round < MOST_ROUNDS; round++) {
    let risen = 0;
    let rate = 0;
    place(problem, multiplier, pull, step);
    for (let j = 0; j < slope.length; j++) {
      const wanted = step[j]!;
      const along = slope[j]!;
      if (wanted <= lower[j]!) step[j] = lower[j]!;
      else if (wanted >= upper[j]!) step[j] = upper[j]!;
      else if (wanted !== home[j]) rate += along * along;
      risen += along * step[j]!;
    }
    const lack = problem.rise - risen;
    if (Math.abs(lack) <= tolerance) return true;
    if (lack > 0) low = multiplier;
    else high = multiplier;
    const isBracketed = Number.isFinite(high - low);
    if (isBracketed && high - low <= 1e-7 * Math.max(Math.abs(low), Math.abs(high))) return level(problem, step, lack);
    const newton = multiplier + lack / rate;
    if (rate > 0 && newton > low && newton < high) multiplier = newton;
    else if (isBracketed) multiplier = (low + high) / 2;
    else {
      multiplier += Math.sign(lack) * reach;
      reach *= 4;
    }
  }
  return false;
}

/** Makes up for what a step that jumps with its multiplier lacks, by the features that it moves. */
function level({ home, lower, upper, slope }: StepProblem, step: Float64Array, lack: number): boolean {
  for (let round = 0; round < 10; round++) {
    let rate = 0;
    const isFree = (j: number) => {
      const end = lack * slope[j]! > 0 ? upper[j]! : lower[j]!;
      return step[j] !== home[j] && step[j] !== end;
    };
    for (let j = 0; j < slope.length; j++) if (isFree(j)) rate += slope[j]! * slope[j]!;
    if (rate === 0) return false;
    const multiplier = lack / rate;
    for (let j = 0; j < slope.length; j++) {
      if (!isFree(j)) continue;
      const before = step[j]!;
      step[j] = Math.min(upper[j]!, Math.max(lower[j]!, before + multiplier * slope[j]!));
      lack -= slope[j]! * (step[j]! - before);
    }
    if (Math.abs(lack) <= 1e-9) return true;
  }
  return true;
}

/** The step that rises the most within the radius. */
function climb({ slope, rise, lower, upper, radius }: StepProblem, step: Float64Array): void {
  let free = 0;
  for (let j = 0; j < slope.length; j++) free += slope[j]! * slope[j]!;
  let fixed = 0;
  for (let multiplier = 0, round = 0; free > 0 && round < MOST_ROUNDS; round++) {
    const next = Math.sqrt(Math.max(0, radius * radius - fixed) / free);
    if (next <= multiplier * (1 + 1e-6)) break;
    multiplier = next;
    [free, fixed] = [0, 0];
    for (let j = 0; j < slope.length; j++) {
      const wanted = Math.sign(rise) * multiplier * slope[j]!;
      step[j] = Math.min(upper[j]!, Math.max(lower[j]!, wanted));
      if (step[j] === wanted) free += slope[j]! * slope[j]!;
      else fixed += step[j]! * step[j]!;
    }
  }
  if (free === 0 && fixed === 0) step.fill(0);
}

/** The solution with the strongest pull that the radius allows, by false position (Illinois); `most` is enough without a radius. */
function goHome(problem: StepProblem, step: Float64Array, place: Place, most: number): void {
  /** How much longer than allowed the step is. */
  const excess = (pull: number) =>
    rise(problem, step, place, pull) ? lengthOf(step) - problem.radius : problem.radius;
  let [low, high] = [0, most];
  let [below, above] = [excess(0), Infinity];
  if (Number.isFinite(most)) {
    above = excess(most);
    if (above <= 0) return;
  } else {
    high = lengthOf(problem.home) / Math.sqrt(step.length) || 1;
    for (above = excess(high); above <= 0 && high < 1e12; above = excess(high)) {
      [low, below] = [high, above];
      high *= 4;
    }
  }
  for (let round = 0, side = 0; round < PULL_ROUNDS && -below > RADIUS_TOLERANCE * problem.radius; round++) {
    const middle = low + (high - low) * (below / (below - above));
    const found = excess(middle);
    if (found <= 0) {
      [low, below] = [middle, found];
      if (side === -1) above /= 2;
      side = -1;
    } else {
      [high, above] = [middle, found];
      if (side === 1) below /= 2;
      side = 1;
    }
  }
  rise(problem, step, low === 0 ? shortest : place, low);
}

/** All features go home but for those that are first by `merit`, which go as far as they can; false if that is too long a step. */
function goHomeButForFew(problem: StepProblem, step: Float64Array, merit: (feature: number) => number): boolean {
  const { home, lower, upper, slope, radius } = problem;
  step.set(home);
  let lack = problem.rise;
  for (let j = 0; j < slope.length; j++) lack -= slope[j]! * home[j]!;
  const merits = Float64Array.from(slope, (_, j) => merit(j));
  const order = Array.from(slope.keys()).sort((a, b) => merits[b]! - merits[a]!);
  for (const j of order) {
    if (slope[j] === 0) continue;
    const end = lack * slope[j]! > 0 ? upper[j]! : lower[j]!;
    const gain = slope[j]! * (end - home[j]!);
    if (Math.abs(gain) >= Math.abs(lack)) {
      step[j] = home[j]! + lack / slope[j]!;
      return lengthOf(step) <= radius;
    }
    step[j] = end;
    lack -= gain;
  }
  return false;
}

/** The solution in the smallest box around home. */
function goHomeInBox(problem: StepProblem, step: Float64Array): void {
  const { home } = problem;
  const lower = new Float64Array(home.length);
  const upper = new Float64Array(home.length);
  const isPossible = (size: number): boolean => {
    for (let j = 0; j < home.length; j++) {
      lower[j] = Math.max(problem.lower[j]!, home[j]! - size);
      upper[j] = Math.min(problem.upper[j]!, home[j]! + size);
    }
    return rise({ ...problem, lower, upper }, step, shortest, 0) && lengthOf(step) <= problem.radius;
  };
  let [low, high] = [0, home.reduce((most, each) => Math.max(most, Math.abs(each)), 0)];
  for (let round = 0; round < BOX_ROUNDS; round++) {
    const middle = (low + high) / 2;
    if (isPossible(middle)) high = middle;
    else low = middle;
  }
  if (!isPossible(high)) rise(problem, step, shortest, 0);
}

function lengthOf(step: Float64Array): number {
  let sum = 0;
  for (let j = 0; j < step.length; j++) sum += step[j]! * step[j]!;
  return Math.sqrt(sum);
}

const RISE_TOLERANCE = 1e-6;
const MOST_ROUNDS = 60;
const PULL_ROUNDS = 16;
const RADIUS_TOLERANCE = 1e-4;
const BOX_ROUNDS = 20;
