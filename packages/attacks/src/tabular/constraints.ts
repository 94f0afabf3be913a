import { isInBall } from "../engine/verify.ts";
import { AttackError } from "../errors.ts";
import type { Constraints, Threat } from "../threats/threat.ts";
import {
  type ConstraintSpec,
  checkSpec,
  derivedInOrder,
  type Formula,
  formulaValue,
  groupsOf,
  sourcesOf,
} from "./constraint-spec.ts";

/**
 * Makes rows of a table possible: features that are immutable, in a range, whole, one of a one-hot group, rising or falling
 * only, that follow from others or stay below others. Whole numbers are rounded towards the origin. A one-hot group takes the
 * category with the largest value as a whole. Inside a ball, a group whose new category is out of reach by itself goes back to
 * its origin's; where group changes and formulas leave the ball together, the other changes shrink, and where that does not do,
 * groups go back, the least decided first. The origin is always possible, even if it breaks rules. Throws an AttackError
 * INVALID_OPTION for rules that contradict each other.
 */
export function constraints(spec: ConstraintSpec): Constraints {
  checkSpec(spec);
  const rows = new RowRules(spec);
  return { spec, repair: (point, origin, ball) => rows.repair(point, origin, ball) };
}

class RowRules {
  readonly #width: number;
  readonly #offset: Float64Array;
  readonly #scale: Float64Array;
  readonly #lower: Float64Array; // in the units of the attack, as all that is not said to be otherwise
  readonly #upper: Float64Array;
  readonly #features: ConstraintSpec["features"];
  readonly #groups: readonly (readonly number[])[];
  readonly #derived: readonly {
    readonly feature: number;
    readonly formula: Formula;
    readonly sources: readonly number[];
  }[];
  readonly #orders: readonly { readonly low: number; readonly high: number; readonly slack: number }[];
  /** Features that change by themselves: neither derived nor of a group. */
  readonly #free: readonly number[];
  readonly #wanted: Float32Array;

  constructor({ features, units }: ConstraintSpec) {
    const width = features.length;
    this.#width = width;
    this.#features = features;
    this.#offset = Float64Array.from(units?.offset ?? { length: width }, (each) => each ?? 0);
    this.#scale = Float64Array.from(units?.scale ?? { length: width }, (each) => each ?? 1);
    this.#lower = Float64Array.from(features, ({ range }, j) => this.#fromUnits(j, range?.lower ?? -Infinity));
    this.#upper = Float64Array.from(features, ({ range }, j) => this.#fromUnits(j, range?.upper ?? Infinity));
    this.#groups = groupsOf(features);
    this.#derived = derivedInOrder(features).map((feature) => {
      const formula = features[feature]!.formula!;
      return { feature, formula, sources: sourcesOf(formula) };
    });
    this.#orders = features.flatMap(({ atMost }, low) =>
      atMost === undefined ? [] : [{ low, high: atMost, slack: this.#slack(low) + this.#slack(atMost) }],
    );
    this.#free = [...features.keys()].filter((j) => !features[j]!.formula && features[j]!.oneHot === undefined);
    this.#wanted = new Float32Array(width);
  }

  repair(point: Float32Array, origin: Float32Array, ball: Threat | undefined): void {
    if (point.length !== this.#width) {
      throw new AttackError("SHAPE_MISMATCH", `constraints: expected ${this.#width} features, got ${point.length}`);
    }
    this.#wanted.set(point);
    const changes = this.#groupChanges(origin);
    if (changes.length + this.#derived.length + this.#orders.length === 0) {
      this.#compose(point, origin, 1, [], ball);
      return; // each feature came nearer to its origin by itself: no ball was left
    }
    const isPossible = (share: number, kept: readonly GroupChange[]): boolean => {
      this.#compose(point, origin, share, kept, ball);
      return this.#isPossible(point, origin, ball);
    };
    const kept = changes.filter((change) => changes.length === 1 || isPossible(0, [change]));
    for (;;) {
      if (isPossible(1, kept)) return;
      if (isPossible(0, kept)) break;
      if (kept.length === 0) {
        point.set(origin); // which breaks rules itself
        return;
      }
      kept.pop();
    }
    let [inside, outside] = [0, 1];
    for (let i = 0; i < BISECTIONS; i++) {
      const middle = (inside + outside) / 2;
      if (isPossible(middle, kept)) inside = middle;
      else outside = middle;
    }
    this.#compose(point, origin, inside, kept, ball);
  }

  /** Which groups are to take another category, the most decided first. */
  #groupChanges(origin: Float32Array): GroupChange[] {
    const changes: GroupChange[] = [];
    for (const group of this.#groups) {
      const value = (j: number, row: Float32Array) => this.#toUnits(j, row[j]!);
      let from = group[0]!;
      for (const j of group) if (value(j, origin) > value(from, origin)) from = j;
      if (!this.#mayMove(from, -1)) continue;
      let to = from;
      for (const j of group) {
        if (this.#mayMove(j, 1) && value(j, this.#wanted) > value(to, this.#wanted)) to = j;
      }
      if (to !== from) changes.push({ from, to, lead: value(to, this.#wanted) - value(from, this.#wanted) });
    }
    return changes.sort((a, b) => b.lead - a.lead || a.from - b.from);
  }

  /** Writes the row in which `share` of what was wanted of single features, and these groups, are changed. */
  #compose(
    point: Float32Array,
    origin: Float32Array,
    share: number,
    changes: readonly GroupChange[],
    ball: Threat | undefined,
  ): void {
    const wanted = this.#wanted;
    const least = share < 1 && ball?.norm === "l0" ? this.#leastChange(origin, share) : 0;
    point.set(origin);
    for (const { from, to } of changes) {
      point[from] = this.#fromUnits(from, 0);
      point[to] = this.#fromUnits(to, 1);
    }
    for (const j of this.#free) {
      const change = wanted[j]! - origin[j]!;
      if (share === 1) point[j] = this.#settled(j, wanted[j]!, origin[j]!);
      else if (ball?.norm !== "l0") point[j] = this.#settled(j, Math.fround(origin[j]! + share * change), origin[j]!);
      else if (Math.abs(change) >= least) point[j] = this.#settled(j, wanted[j]!, origin[j]!);
    }
    for (const { low, high, slack } of this.#orders) this.#pullApart(point, origin, low, high, slack);
    const valueAt = (formula: Formula) => formulaValue(formula, (j) => this.#toUnits(j, point[j]!));
    for (const { feature, formula, sources } of this.#derived) {
      const isChanged = sources.some((source) => point[source] !== origin[source]);
      point[feature] = isChanged ? this.#fromUnits(feature, valueAt(formula)) : origin[feature]!;
    }
  }

  /** In L0 changes do not shrink; the smallest go. How large one must be to be among this share of them. */
  #leastChange(origin: Float32Array, share: number): number {
    const sizes = this.#free.map((j) => Math.abs(this.#wanted[j]! - origin[j]!)).filter((size) => size > 0);
    return sizes.sort((a, b) => b - a)[Math.floor(share * sizes.length) - 1] ?? Infinity;
  }

  /** The value nearest to `x`, on the way to the origin, that the feature can have by itself. */
  #settled(j: number, x: number, from: number): number {
    const { integer } = this.#features[j]!;
    if (x === from || !this.#mayMove(j, x - from)) return from;
    const clipped =
      x > from ? Math.min(x, Math.max(from, this.#upper[j]!)) : Math.max(x, Math.min(from, this.#lower[j]!));
    if (!integer) return clipped;
    const start = this.#toUnits(j, from);
    const value = this.#toUnits(j, clipped);
    const slack = Math.min(0.25, this.#offset[j] === 0 && this.#scale[j] === 1 ? 0 : this.#roundingAt(j, value));
    const whole = 0 + (value > start ? Math.floor(value + slack) : Math.ceil(value - slack)); // 0 + makes -0 a 0
    return (whole - start) * (value - start) <= 0 || Math.abs(whole - start) <= slack
      ? from
      : this.#fromUnits(j, whole);
  }

  /** Where `low` exceeds `high`, moves both towards where they were until they meet. */
  #pullApart(point: Float32Array, origin: Float32Array, low: number, high: number, slack: number): void {
    const excess = this.#toUnits(low, point[low]!) - this.#toUnits(high, point[high]!);
    if (excess <= slack) return;
    const room = this.#toUnits(high, origin[high]!) - this.#toUnits(low, origin[low]!);
    const share = room < 0 ? 1 : excess / (excess + room);
    for (const j of [low, high]) {
      if (!this.#free.includes(j)) continue;
      point[j] = this.#settled(j, Math.fround(point[j]! + share * (origin[j]! - point[j]!)), origin[j]!);
    }
  }

  /** Whether the rules that bind several features, and the ball, are met. */
  #isPossible(point: Float32Array, origin: Float32Array, ball: Threat | undefined): boolean {
    for (const { low, high, slack } of this.#orders) {
      const excess = this.#toUnits(low, point[low]!) - this.#toUnits(high, point[high]!);
      if (excess > Math.max(slack, this.#toUnits(low, origin[low]!) - this.#toUnits(high, origin[high]!))) return false;
    }
    for (const { feature } of this.#derived) {
      const x = point[feature]!;
      const from = origin[feature]!;
      if (x === from) continue;
      if (!Number.isFinite(x) || !this.#mayMove(feature, x - from)) return false;
      if (x < Math.min(from, this.#lower[feature]!) || x > Math.max(from, this.#upper[feature]!)) return false;
      const value = this.#toUnits(feature, x);
      const isWhole = Math.abs(value - Math.round(value)) <= 4 * this.#roundingAt(feature, value);
      if (this.#features[feature]!.integer && !isWhole) return false;
    }
    return ball === undefined || isInBall(point, origin, ball);
  }

  #mayMove(j: number, change: number): boolean {
    const { mutable = true, direction } = this.#features[j]!;
    return mutable && !(direction === "up" && change < 0) && !(direction === "down" && change > 0);
  }

  #toUnits(j: number, x: number): number {
    return this.#offset[j]! + this.#scale[j]! * x;
  }

  #fromUnits(j: number, value: number): number {
    return Math.fround((value - this.#offset[j]!) / this.#scale[j]!);
  }

  /** How far float32 may put a value, in the units of the table, from where it should be. */
  #roundingAt(j: number, value: number): number {
    return 2 ** -22 * (Math.abs(value) + Math.abs(this.#offset[j]!));
  }

  /** The same for any value of a feature. */
  #slack(j: number): number {
    const { lower = 0, upper = 0 } = this.#features[j]!.range ?? {};
    return this.#roundingAt(j, Math.max(Math.abs(lower), Math.abs(upper), this.#scale[j]!));
  }
}

/** A one-hot group's way from one category, a feature, to another, and by how much that is wanted. */
interface GroupChange {
  readonly from: number;
  readonly to: number;
  readonly lead: number;
}

const BISECTIONS = 12; // to a quarter of a thousandth of the change
