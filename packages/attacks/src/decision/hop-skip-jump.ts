import { clip, fillCoarseNormal, fillUniform } from "@casemate/tensor";
import type { Attack } from "../attack.ts";
import type { Rows } from "../engine/active-rows.ts";
import type { Search } from "../engine/search.ts";
import { findStart, finiteBounds } from "./decision-start.ts";
import { bisect, decideAt, type Place, rowsWhere } from "./path-search.ts";

export interface HopSkipJumpOptions {
  readonly iterations?: number;
  /** Decisions for the first estimate of the direction; √t times as many at iteration t. */
  readonly initialEvaluations?: number;
  readonly maximumEvaluations?: number;
  /** How close the bisection comes: to γ/d^1.5 of the way in L2 and γ/d² in Linf, d being the number of features. */
  readonly gamma?: number;
  /** Random images tried as a starting point, before clean samples of other classes are. */
  readonly startTries?: number;
}

/**
 * HopSkipJump (Chen et al., 2019, https://arxiv.org/abs/1904.02144) with the constants of the authors' code: needs nothing but
 * decisions. From an adversarial point on the boundary it estimates the boundary's direction by random probes, jumps, and
 * bisects back towards the sample.
 */
export function hopSkipJump({
  iterations = 40,
  initialEvaluations = 100,
  maximumEvaluations = 10_000,
  gamma = 1,
  startTries = 100,
}: HopSkipJumpOptions = {}): Attack {
  return {
    name: "HopSkipJump",
    access: "decision",
    aim: "nearest",
    norms: ["l2", "linf"],
    restarts: 0,
    parameters: { iterations, initialEvaluations, maximumEvaluations, gamma, startTries },
    citation: { text: "Chen et al., 2019", url: "https://arxiv.org/abs/1904.02144" },
    async *attempt(search) {
      await findStart(search, startTries);
      const walk = new BoundaryWalk(search, gamma);
      await walk.returnToBoundary();
      for (let iteration = 1; iteration <= iterations; iteration++) {
        search.dismiss();
        const evaluations = Math.min(Math.floor(initialEvaluations * Math.sqrt(iteration)), maximumEvaluations);
        await walk.estimateDirection(iteration, evaluations);
        await walk.jump(iteration);
        await walk.returnToBoundary();
        yield { step: iteration, steps: iterations };
      }
    },
  };
}

/** Where each sample is on its boundary, in buffers that follow the active set. */
class BoundaryWalk {
  readonly #search: Search;
  readonly #isLinf: boolean;
  /** The bisection's tolerance; as a share of the way in L2, of the distance in Linf. */
  readonly #theta: number;
  readonly #direction: Rows;
  readonly #far: Rows;
  /** Distance of the sample to where it is now, and to where it was before the last bisection. */
  readonly #distance: Rows<Float64Array>;
  readonly #farDistance: Rows<Float64Array>;
  readonly #low: Rows<Float64Array>;
  readonly #high: Rows<Float64Array>;
  /** The bounds of each feature. */
  readonly #lowest: Float64Array;
  readonly #highest: Float64Array;
  readonly #range: number;

  constructor(search: Search, gamma: number) {
    this.#search = search;
    const { low, high } = finiteBounds(search);
    this.#lowest = low;
    this.#highest = high;
    this.#range = meanRange(low, high);
    this.#isLinf = search.threat.norm === "linf";
    this.#theta = gamma / (this.#isLinf ? search.width ** 2 : search.width ** 1.5);
    this.#direction = search.floats();
    this.#far = search.floats();
    this.#distance = search.doubles();
    this.#farDistance = search.doubles();
    this.#low = search.doubles();
    this.#high = search.doubles();
  }

  /** Bisects from where each sample is, which is adversarial, towards its origin, and keeps what is nearest. */
  async returnToBoundary(): Promise<void> {
    const { threat, x, origin, width } = this.#search;
    this.#far.values.set(x.values);
    this.#farDistance.values.set(threat.distance(x.values, origin.values, width));
    this.#low.values.fill(0);
    if (this.#isLinf) this.#high.values.set(this.#farDistance.values);
    else this.#high.values.fill(1);
    const theta = this.#theta;
    const tolerance = (row: number) => (this.#isLinf ? Math.min(this.#farDistance.values[row]! * theta, theta) : theta);
    const place: Place = this.#isLinf ? this.#clipped : this.#blended;
    await bisect(this.#search, this.#low, this.#high, place, tolerance);
    for (let row = 0; row < this.#search.active; row++) {
      place(row, this.#high.values[row]!, x.row(row));
      this.#distance.values[row] = this.#search.keep(row, x.row(row));
    }
  }

  /** Estimates for each sample the direction in which decisions turn adversarial, from `evaluations` probes around it. */
  async estimateDirection(iteration: number, evaluations: number): Promise<void> {
    const { width, active, x } = this.#search;
    const perCall = Math.max(1, Math.min(active * evaluations, Math.floor(PROBE_BYTES / (4 * width))));
    const points = new Float32Array(perCall * width);
    const owners = new Int32Array(perCall);
    const sums = { adversarial: new Float64Array(active * width), standing: new Float64Array(active * width) };
    const hits = new Float64Array(active);
    for (let next = 0; next < active * evaluations; ) {
      const count = Math.min(perCall, active * evaluations - next);
      for (let i = 0; i < count; i++, next++) {
        const row = Math.floor(next / evaluations);
        owners[i] = row;
        this.#probe(row, iteration, next % evaluations, points.subarray(i * width, (i + 1) * width));
      }
      const probes = points.subarray(0, count * width);
      const decisions = await this.#search.decide(probes, owners.subarray(0, count));
      for (let i = 0; i < count; i++) {
        const row = owners[i]!;
        if (decisions[i]) hits[row]!++;
        const sum = decisions[i] ? sums.adversarial : sums.standing;
        const center = x.row(row);
        // What the bounds left of the probe.
        for (let j = 0, k = row * width, p = i * width; j < width; j++, k++, p++) sum[k]! += probes[p]! - center[j]!;
      }
    }
    this.#direction.values.set(directionFrom(sums, hits, evaluations, width));
    if (this.#isLinf)
      for (let i = 0; i < active * width; i++) this.#direction.values[i] = Math.sign(this.#direction.values[i]!);
  }

  /** Moves each sample along its direction, by the longest step of a halving series that stays adversarial; else not at all. */
  async jump(iteration: number): Promise<void> {
    const { model, x } = this.#search;
    const place: Place = (row, length, point) => {
      const here = x.row(row);
      const direction = this.#direction.row(row);
      for (let j = 0; j < point.length; j++) point[j] = here[j]! + length * direction[j]!;
      clip(point, model.bounds.lower, model.bounds.upper);
    };
    let open = rowsWhere(this.#search, () => true);
    const landed = new Map<number, number>();
    for (let halvings = 0; halvings < MOST_HALVINGS && open.length > 0; halvings++) {
      const lengthOf = (row: number) => this.#distance.values[row]! / Math.sqrt(iteration) / 2 ** halvings;
      const decisions = await decideAt(this.#search, open, place, lengthOf);
      for (const [index, row] of open.entries()) if (decisions[index]) landed.set(row, lengthOf(row));
      open = open.filter((row) => !landed.has(row));
    }
    for (const [row, length] of landed) place(row, length, this.#far.row(row));
    for (const row of landed.keys()) x.copyRow(row, this.#far);
  }

  /** A point in a random direction from where a sample is, within the bounds. */
  #probe(row: number, iteration: number, index: number, point: Float32Array): void {
    const draw = this.#search.draw(row, iteration, 1 + index);
    if (this.#isLinf) fillUniform(point, draw, -1, 1);
    else fillCoarseNormal(point, draw);
    let sum = 0;
    for (let j = 0; j < point.length; j++) sum += point[j]! * point[j]!;
    const scale = sum === 0 ? 0 : this.#delta(row, iteration) / Math.sqrt(sum);
    const center = this.#search.x.row(row);
    const [low, high] = [this.#lowest, this.#highest];
    for (let j = 0; j < point.length; j++) {
      const value = center[j]! + scale * point[j]!;
      point[j] = value < low[j]! ? low[j]! : value > high[j]! ? high[j]! : value;
    }
    this.#search.pin(row, point);
  }

  /** The length of probes: a tenth of the input's range at first, then in proportion to the distance. */
  #delta(row: number, iteration: number): number {
    const { width } = this.#search;
    if (iteration === 1) return 0.1 * this.#range;
    const dimensions = this.#isLinf ? width : Math.sqrt(width);
    return dimensions * this.#theta * this.#farDistance.values[row]!;
  }

  readonly #blended: Place = (row, t, point) => {
    const near = this.#search.origin.row(row);
    const far = this.#far.row(row);
    for (let j = 0; j < point.length; j++) point[j] = (1 - t) * near[j]! + t * far[j]!;
  };

  readonly #clipped: Place = (row, t, point) => {
    const near = this.#search.origin.row(row);
    const far = this.#far.row(row);
    for (let j = 0; j < point.length; j++) point[j] = Math.min(Math.max(far[j]!, near[j]! - t), near[j]! + t);
  };
}

/**
 * The mean of decision · change less its baseline, mean decision · mean change, scaled to unit length per sample; a decision is 1
 * if adversarial and otherwise -1. Where all agree there is no baseline to subtract, and the mean change with their sign is left.
 */
function directionFrom(
  { adversarial, standing }: { readonly adversarial: Float64Array; readonly standing: Float64Array },
  hits: Float64Array,
  evaluations: number,
  width: number,
): Float64Array {
  const direction = new Float64Array(adversarial.length);
  for (let row = 0; row < hits.length; row++) {
    const mean = (2 * hits[row]!) / evaluations - 1;
    const baseline = Math.abs(mean) === 1 ? 0 : mean;
    let sum = 0;
    for (let i = row * width; i < (row + 1) * width; i++) {
      direction[i] = (1 - baseline) * adversarial[i]! - (1 + baseline) * standing[i]!;
      sum += direction[i]! ** 2;
    }
    const scale = sum === 0 ? 0 : 1 / Math.sqrt(sum);
    for (let i = row * width; i < (row + 1) * width; i++) direction[i]! *= scale;
  }
  return direction;
}

function meanRange(low: Float64Array, high: Float64Array): number {
  return high.reduce((sum, each, j) => sum + each - low[j]!, 0) / high.length;
}

/** What the probes of one call may take. */
const PROBE_BYTES = 8 * 2 ** 20;

/** The authors halve without end; after so many a step is below float32. */
const MOST_HALVINGS = 30;
