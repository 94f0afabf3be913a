import { clip } from "@casemate/tensor";
import type { Attack } from "../attack.ts";
import {
  differentiateInLockstep,
  type GradientAnswer,
  type GradientQuestion,
  type Sample,
  type Solver,
} from "../engine/lockstep.ts";
import type { Search } from "../engine/search.ts";
import type { Bounds } from "../models/classifier.ts";
import { valueAt } from "../threats/radii.ts";
import { refuseTargets } from "./untargeted.ts";

export interface SparseFoolOptions {
  readonly iterations?: number;
  /** How far beyond DeepFool's point the flat boundary is put, as a multiple of the way there: sparser above 1, but slower. */
  readonly lambda?: number;
  /** What the perturbation is stretched by before it is tried. */
  readonly overshoot?: number;
  /** Classes that DeepFool looks at, from the likeliest. */
  readonly candidates?: number;
  /** The most steps of each DeepFool. */
  readonly deepFoolSteps?: number;
}

/**
 * SparseFool (Modas et al., 2019, https://arxiv.org/abs/1811.02248) with the constants of the authors' code: takes the boundary
 * that DeepFool finds for flat and crosses it feature by feature, the steepest first, each as far as the bounds let it.
 */
export function sparseFool({
  iterations = 20,
  lambda = 3,
  overshoot = 0.02,
  candidates = 10,
  deepFoolSteps = 50,
}: SparseFoolOptions = {}): Attack {
  const parameters = { iterations, lambda, overshoot, candidates, deepFoolSteps };
  return {
    name: "SparseFool",
    access: "gradient",
    aim: "nearest",
    norms: ["l0"],
    restarts: 0,
    parameters,
    citation: { text: "Modas et al., 2019", url: "https://arxiv.org/abs/1811.02248" },
    async *attempt(search) {
      refuseTargets(search, "SparseFool");
      const steps = iterations * (deepFoolSteps + 2);
      const solve = (sample: Sample) => cross(sample, search, parameters);
      for await (const step of differentiateInLockstep(search, "difference", solve)) yield { step, steps };
    },
  };
}

type Asking = Solver<GradientQuestion, GradientAnswer>;

function* cross(sample: Sample, search: Search, options: Required<SparseFoolOptions>): Asking {
  const { bounds } = search.model;
  const { origin, start: x } = sample;
  const fooling = new Float32Array(x.length);
  for (let iteration = 0; iteration < options.iterations; iteration++) {
    const plane = yield* flatBoundary(sample, x, search, options);
    if (plane === "adversarial") sample.keep(x);
    if (typeof plane === "string") return undefined;
    crossPlane(x, plane, bounds);
    for (let j = 0; j < x.length; j++) fooling[j] = origin[j]! + (1 + options.overshoot) * (x[j]! - origin[j]!);
    clip(fooling, bounds.lower, bounds.upper);
    const { adversarial }: GradientAnswer = yield {
      count: 1,
      write: (points) => points.set(fooling),
      targets: [sample.goal.label === 0 ? 1 : 0],
    };
    if (!adversarial[0]) continue;
    sample.keep(fooling);
    return undefined;
  }
  return undefined;
}

/** A flat boundary: its normal, towards the adversarial side, and a point on it. */
interface Plane {
  readonly normal: Float64Array;
  readonly point: Float64Array;
}

/** Where DeepFool (L2, without bounds) leads from `x`; "adversarial" if `x` is that already, "flat" if there are no gradients. */
function* flatBoundary(
  { goal: { label } }: Sample,
  x: Float32Array,
  { width, threat: { mask }, model: { classes } }: Search,
  { lambda, overshoot, candidates, deepFoolSteps }: Required<SparseFoolOptions>,
): Generator<GradientQuestion, Plane | "adversarial" | "flat", GradientAnswer> {
  const first: GradientAnswer = yield { count: 1, write: (points) => points.set(x), targets: [label === 0 ? 1 : 0] };
  if (first.adversarial[0]) return "adversarial";
  const { logits } = first;
  const others = Array.from(logits.keys()).filter((k) => k !== label);
  const targets = others.sort((a, b) => logits[b]! - logits[a]!).slice(0, candidates - 1);
  const total = new Float64Array(width);
  for (let step = 0; ; step++) {
    // All candidates at the point, and the point with overshoot.
    const answer: GradientAnswer = yield {
      count: targets.length + 1,
      write(points) {
        for (let i = 0; i <= targets.length; i++) {
          const stretch = i < targets.length ? 1 : 1 + overshoot;
          for (let j = 0; j < width; j++) points[i * width + j] = x[j]! + stretch * total[j]!;
        }
      },
      targets: [...targets, targets[0]!],
    };
    const slopes = targets.map((_, i) => {
      const slope = Float64Array.from(answer.gradient.subarray(i * width, (i + 1) * width));
      if (mask) for (let j = 0; j < width; j++) if (!mask[j]) slope[j] = 0;
      return slope;
    });
    const lengths = slopes.map((slope) => Math.sqrt(slope.reduce((sum, each) => sum + each * each, 0)));
    const ways = lengths.map((length, i) => (length === 0 ? Infinity : Math.abs(answer.loss[i]!) / length));
    let nearest = ways.indexOf(Math.min(...ways));
    if (ways[nearest] === Infinity) return "flat";
    if (answer.adversarial[targets.length] || step === deepFoolSteps) {
      const reached = targets.indexOf(largest(answer.logits.subarray(targets.length * classes)));
      if (reached >= 0 && lengths[reached]! > 0) nearest = reached;
      return {
        normal: slopes[nearest]!.map((each) => each / lengths[nearest]!),
        point: total.map((each, j) => x[j]! + lambda * each),
      };
    }
    const scale = Math.max(ways[nearest]!, SHORTEST_STEP) / lengths[nearest]!;
    for (let j = 0; j < width; j++) total[j]! += scale * slopes[nearest]![j]!;
  }
}

/** Moves features of `x` along the normal, from the steepest on, until it is beyond the plane; each feature once. */
function crossPlane(x: Float32Array, { normal, point }: Plane, { lower, upper }: Bounds): void {
  let side = normal.reduce((sum, each, j) => sum + each * (x[j]! - point[j]!), 0);
  const order = Array.from(normal.keys()).filter((j) => normal[j] !== 0);
  for (const j of order.sort((a, b) => Math.abs(normal[b]!) - Math.abs(normal[a]!))) {
    if (side >= 0) return;
    const step = Math.max((BEYOND - side) / Math.abs(normal[j]!), SHORTEST_STEP) * Math.sign(normal[j]!);
    const before = x[j]!;
    x[j] = Math.min(valueAt(upper, j), Math.max(valueAt(lower, j), before + step));
    side += normal[j]! * (x[j]! - before);
  }
}

function largest(logits: Float32Array): number {
  return logits.indexOf(Math.max(...logits));
}

/** As in the authors' code. */
const SHORTEST_STEP = 1e-4;
const BEYOND = 1e-3;
