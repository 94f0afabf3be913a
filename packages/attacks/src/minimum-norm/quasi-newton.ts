/** A point with the value and the gradient of what is minimised. */
export interface Evaluated {
  readonly x: Float64Array;
  readonly value: number;
  readonly gradient: Float64Array;
}

export interface Box {
  readonly lower: Float64Array;
  readonly upper: Float64Array;
}

/**
 * Minimises a smooth function within a box by projected L-BFGS: features at a bound that the gradient holds there are left out of
 * the step, and steps are cut to the box and halved until they pay (Armijo). A generator that yields points and is given their
 * value and gradient, so that many problems can be evaluated together. Stops where the projected gradient or the progress is
 * negligible, as SciPy's L-BFGS-B does.
 */
export function* quasiNewton(
  start: Float64Array,
  { lower, upper }: Box,
  iterations: number,
): Generator<Float64Array, void, Omit<Evaluated, "x">> {
  const pairs: Pair[] = [];
  let here: Evaluated = { x: start, ...(yield start) };
  for (let iteration = 0; iteration < iterations; iteration++) {
    const { x, value, gradient } = here;
    const isHeld = (j: number) => (gradient[j]! > 0 ? x[j]! <= lower[j]! : x[j]! >= upper[j]!);
    const free = gradient.map((slope, j) => (isHeld(j) ? 0 : slope));
    const largest = free.reduce((most, each) => Math.max(most, Math.abs(each)), 0);
    if (!(largest > GRADIENT_TOLERANCE)) return;
    let direction = descent(free, pairs);
    for (let j = 0; j < x.length; j++) if (free[j] === 0) direction[j] = 0;
    if (!(dot(direction, free) < 0)) {
      pairs.length = 0;
      direction = free.map((each) => -each);
    }
    let length = pairs.length === 0 ? Math.min(1, 1 / Math.sqrt(dot(free, free))) : 1;
    let next: Evaluated | undefined;
    for (let halvings = 0; !next && halvings < MOST_HALVINGS; halvings++, length /= 2) {
      const point = x.map((each, j) => Math.min(upper[j]!, Math.max(lower[j]!, each + length * direction[j]!)));
      const found = yield point;
      const promise = point.reduce((sum, each, j) => sum + gradient[j]! * (each - x[j]!), 0);
      if (found.value <= value + ARMIJO * promise) next = { x: point, ...found };
    }
    if (!next) return;
    remember(pairs, here, next);
    const progress = value - next.value;
    here = next;
    if (progress <= PROGRESS_TOLERANCE * Math.max(Math.abs(value), Math.abs(next.value), 1)) return;
  }
}

/** A step, and by how much the gradient changed over it. */
interface Pair {
  readonly step: Float64Array;
  readonly change: Float64Array;
  readonly curvature: number;
}

/** The direction -H · gradient by the two loops of L-BFGS. */
function descent(gradient: Float64Array, pairs: readonly Pair[]): Float64Array {
  const direction = gradient.map((each) => -each);
  const weights: number[] = [];
  for (const { step, change, curvature } of pairs.toReversed()) {
    const weight = dot(step, direction) / curvature;
    weights.push(weight);
    add(direction, change, -weight);
  }
  const last = pairs.at(-1);
  const scale = last ? last.curvature / dot(last.change, last.change) : 1;
  for (let j = 0; j < direction.length; j++) direction[j]! *= scale;
  for (const { step, change, curvature } of pairs) {
    add(direction, step, weights.pop()! - dot(change, direction) / curvature);
  }
  return direction;
}

function remember(pairs: Pair[], before: Evaluated, after: Evaluated): void {
  const step = after.x.map((each, j) => each - before.x[j]!);
  const change = after.gradient.map((each, j) => each - before.gradient[j]!);
  const curvature = dot(step, change);
  if (!(curvature > 1e-10 * dot(change, change))) return;
  pairs.push({ step, change, curvature });
  if (pairs.length > MEMORY) pairs.shift();
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let j = 0; j < a.length; j++) sum += a[j]! * b[j]!;
  return sum;
}

function add(target: Float64Array, other: Float64Array, factor: number): void {
  for (let j = 0; j < target.length; j++) target[j]! += factor * other[j]!;
}

/** As in SciPy. */
const MEMORY = 10;
const GRADIENT_TOLERANCE = 1e-5;
const PROGRESS_TOLERANCE = 2.2e-9;
const MOST_HALVINGS = 20;
const ARMIJO = 1e-4;
