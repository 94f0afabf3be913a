import type { ImageShape } from "../image.ts";

export interface SinkhornOptions {
  /** Largest cost: mass, as a share of all, times squared pixels. */
  readonly epsilon: number;
  /** Weight of nearness against entropy; the larger, the more exact and the slower. */
  readonly regularization: number;
  readonly iterations: number;
  /** Side, in pixels, of the square in which mass moves. */
  readonly kernel: number;
}

/** A point of a Wasserstein ball, with the plan's cost, which is at most epsilon. */
export interface Transported {
  readonly z: Float64Array;
  readonly cost: number;
}

/**
 * Projects `y` onto the Wasserstein ball around `x` by Sinkhorn iterations with local transport (Wong et al., 2019, algorithm 1,
 * https://arxiv.org/abs/1902.07906). Both are images, `x` of mass 1 with nothing below 0. Each channel moves its own mass; moving
 * it by (dx, dy) costs dx² + dy². What has not converged is made feasible: the plan sends out exactly `x`, and is mixed with
 * staying until it costs epsilon.
 */
export function projectSinkhorn(
  x: Float64Array,
  y: Float64Array,
  shape: ImageShape,
  { epsilon, regularization, iterations, kernel }: SinkhornOptions,
): Transported {
  const size = x.length;
  const offsets = offsetsOf(kernel);
  const fresh = () => new Float64Array(size);
  const [a, b, spread, costs, curved, back] = [fresh(), fresh().fill(size), fresh(), fresh(), fresh(), fresh()];
  let psi = 1;
  let before = -Infinity;
  const transport = (): number => {
    // a ← x / (K b), which makes the plan send out exactly x; returns the plan's cost.
    local(b, shape, offsets, psi, [spread, costs, curved]);
    let cost = 0;
    for (let i = 0; i < size; i++) {
      a[i] = x[i]! > 0 ? x[i]! / spread[i]! : 0;
      cost += a[i]! * costs[i]!;
    }
    return cost;
  };
  for (let iteration = 0; iteration < iterations; iteration++) {
    transport();
    local(a, shape, offsets, psi, [back]);
    for (let i = 0; i < size; i++) {
      const reached = back[i]!;
      if (reached === 0) {
        b[i] = 1; // nothing comes here
        continue;
      }
      const w = omega(Math.log(regularization) + regularization * y[i]! + Math.log(reached));
      b[i] = Math.max(w, LEAST) / (regularization * reached);
    }
    local(b, shape, offsets, psi, [spread, costs, curved]);
    let [slope, curvature] = [-epsilon, 0];
    for (let i = 0; i < size; i++) {
      slope += a[i]! * costs[i]!;
      curvature -= a[i]! * curved[i]!;
    }
    let damping = 1;
    const newton = curvature === 0 ? 0 : slope / curvature;
    while (psi - damping * newton < 0 && damping > 0.01) damping /= 2;
    psi = Math.max(0, psi - damping * newton);
    const objective = dual(x, y, a, b, { psi, epsilon, regularization, shape, offsets, back });
    if (Math.abs(objective - before) <= TOLERANCE * (1 + Math.abs(objective))) break;
    before = objective;
  }
  const cost = transport();
  local(a, shape, offsets, psi, [back]);
  const share = cost > epsilon ? epsilon / cost : 1;
  const z = Float64Array.from(x, (mass, i) => (1 - share) * mass + share * b[i]! * back[i]!);
  return { z, cost: share * cost };
}

const TOLERANCE = 1e-4; // as the authors' code
const LEAST = 1e-290; // so that every pixel has somewhere to send its mass

interface Offset {
  readonly down: number;
  readonly right: number;
  readonly cost: number;
}

function offsetsOf(kernel: number): Offset[] {
  const reach = Math.floor(kernel / 2);
  const along = Array.from({ length: 2 * reach + 1 }, (_, i) => i - reach);
  return along.flatMap((down) => along.map((right) => ({ down, right, cost: down * down + right * right })));
}

/**
 * Sums over the neighbourhood of each pixel, weighted by exp(−psi · cost − 1) into the first of `sums`, and by that times the cost,
 * and times its square, into the others.
 */
function local(
  values: Float64Array,
  { channels, height, width, channelStride, rowStride, columnStride }: ImageShape,
  offsets: readonly Offset[],
  psi: number,
  sums: readonly Float64Array[],
): void {
  const [plain, once, twice] = sums;
  for (const sum of sums) sum.fill(0);
  for (const { down, right, cost } of offsets) {
    const weight = Math.exp(-psi * cost - 1);
    for (let channel = 0; channel < channels; channel++) {
      for (let row = Math.max(0, -down); row < Math.min(height, height - down); row++) {
        const start = channel * channelStride + row * rowStride;
        const shift = down * rowStride + right * columnStride;
        for (let column = Math.max(0, -right); column < Math.min(width, width - right); column++) {
          const i = start + column * columnStride;
          const value = weight * values[i + shift]!;
          plain![i]! += value;
          if (once) once[i]! += cost * value;
          if (twice) twice[i]! += cost * cost * value;
        }
      }
    }
  }
}

interface Dual {
  readonly psi: number;
  readonly epsilon: number;
  readonly regularization: number;
  readonly shape: ImageShape;
  readonly offsets: readonly Offset[];
  readonly back: Float64Array;
}

/** The dual's objective, by which convergence is judged. */
function dual(
  x: Float64Array,
  y: Float64Array,
  a: Float64Array,
  b: Float64Array,
  { psi, epsilon, regularization, shape, offsets, back }: Dual,
): number {
  local(a, shape, offsets, psi, [back]);
  let objective = -psi * epsilon;
  for (let i = 0; i < x.length; i++) {
    const beta = b[i]! > 0 ? -Math.log(b[i]!) : 0;
    objective -= (0.5 * beta * beta) / regularization + beta * y[i]! + b[i]! * back[i]!;
    if (x[i]! > 0 && a[i]! > 0) objective += Math.log(a[i]!) * x[i]!;
  }
  return objective;
}

/** The w for which w + log w = t: Lambert's function of exp(t), without its overflow. */
export function omega(t: number): number {
  let w = t > 1 ? t - Math.log(t) : Math.exp(t) / (1 + Math.exp(t));
  for (let i = 0; i < 50; i++) {
    if (w < Number.MIN_VALUE * 1e10) return Math.exp(t);
    const next = (w * (1 + t - Math.log(w))) / (1 + w);
    if (Math.abs(next - w) <= 1e-15 * w) return next;
    w = next > 0 ? next : w / 2;
  }
  return w;
}
