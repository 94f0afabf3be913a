import type { BallNorm } from "../threats/threat.ts";
import { BoxHeap } from "./box-heap.ts";
import type { Box, Domain } from "./domain.ts";
import { leafAt, roundingOf, type TreeEnsemble, type TreeNode, votesAt } from "./tree-ensemble.ts";

export interface CellGoal {
  readonly label: number;
  /** The class to be reached; any but the label if absent. */
  readonly target?: number | undefined;
}

export interface CellSearchOptions {
  readonly norm: BallNorm;
  /** Boxes to look at before the search gives up. */
  readonly maximumBoxes: number;
}

/** A point that the trees put elsewhere, or so nearly that rounding decides. */
export interface Candidate {
  readonly point: Float32Array;
  readonly distance: number;
}

/**
 * Looks for the nearest points that trees put in another class, from the nearest on, by branch and bound on boxes: each is as
 * far as its nearest point, and as far as enough trees need to reach leaves that could together change the class. The model
 * has the last word on each candidate; `next` goes on after one that it refused.
 */
export class CellSearch {
  /** No possible point of another class is nearer. */
  lowerBound = 0;
  boxes = 0;
  readonly #ensemble: TreeEnsemble;
  readonly #domain: Domain;
  readonly #goal: CellGoal;
  readonly #options: CellSearchOptions;
  readonly #rounding: number;
  readonly #pairs: readonly Pair[];
  readonly #heap = new BoxHeap<Entry>();
  /** How near the nearest box was that had to be dropped without having been looked through. */
  #dropped = Infinity;

  constructor(ensemble: TreeEnsemble, domain: Domain, goal: CellGoal, options: CellSearchOptions) {
    this.#ensemble = ensemble;
    this.#domain = domain;
    this.#goal = goal;
    this.#options = options;
    this.#rounding = roundingOf(ensemble);
    const { label, target } = goal;
    const others = (than: number) => [...ensemble.base.keys()].filter((k) => k !== than);
    this.#pairs =
      target === undefined
        ? others(label).map((up) => ({ up, down: label }))
        : others(target).map((down) => ({ up: target, down }));
    this.#push(domain.box(), undefined);
  }

  /** Whether all of the domain within `distance` has been looked through. */
  isSettled(distance: number): boolean {
    return this.lowerBound > distance * (1 + DRIFT) || this.lowerBound === Infinity;
  }

  /** Whether there is nothing more to look at within `reach`, or it has looked at as many boxes as it may. */
  hasEnded(reach: number): boolean {
    const entry = this.#heap.peek();
    return !entry || entry.bound > reach * (1 + DRIFT) || this.boxes >= this.#options.maximumBoxes;
  }

  /** The next nearest candidate within `reach`; undefined if there is none, if the search gave up, or after a slice of boxes. */
  next(reach: number): Candidate | undefined {
    for (let looked = 0; ; looked++) {
      const entry = this.#heap.peek();
      this.lowerBound = Math.min(entry?.bound ?? Infinity, this.#dropped);
      if (!entry || this.hasEnded(reach) || looked === SLICE) {
        return undefined;
      }
      this.#heap.pop();
      this.boxes++;
      const { point, refused } = entry;
      if (
        !refused?.every((x, j) => x === point[j]) &&
        this.#margin(votesAt(this.#ensemble, point)) >= -this.#rounding
      ) {
        this.#heap.push({ ...entry, refused: point });
        return { point, distance: this.#lengthOf(point) };
      }
      this.#branch(entry);
    }
  }

  /** Points of other classes found by going for the best leaf of one tree after the other: not the nearest, but quick. */
  firstGuesses(): Candidate[] {
    const guesses: Candidate[] = [];
    for (const pair of this.#pairs) {
      let box = this.#domain.box();
      for (;;) {
        const point = this.#domain.nearest(box);
        if (!point) break;
        if (this.#margin(votesAt(this.#ensemble, point)) > this.#rounding) {
          guesses.push({ point, distance: this.#lengthOf(point) });
          break;
        }
        const cut = this.#bestCut(box, point, pair);
        if (!cut) break;
        const [below, above] = halves(box, cut);
        box = point[cut.feature]! < cut.threshold ? above : below;
      }
    }
    return guesses;
  }

  #branch({ box, point, pair, refused, bound }: Entry): void {
    const cut = this.#bestCut(box, point, pair) ?? (refused && this.#anyCut(box));
    if (!cut) {
      // All trees are at one leaf: all of the box is as the model said, unless other rules moved the point it was asked about.
      if (this.#domain.hasOtherRules) this.#dropped = Math.min(this.#dropped, bound);
      return;
    }
    for (const half of halves(box, cut)) this.#push(half, refused);
  }

  #push(box: Box, refused: Float32Array | undefined): void {
    const point = this.#domain.nearest(box);
    if (!point) return;
    const reached = this.#reachedFrom(box, point);
    const bounds = this.#pairs.map((pair) => this.#boundFor(pair, reached));
    // Any class will do, or the target has to win against all others.
    const isTargeted = this.#goal.target !== undefined;
    const bound = isTargeted ? Math.max(...bounds) : Math.min(...bounds);
    if (bound === Infinity) return;
    this.#heap.push({ box, point, bound, pair: this.#pairs[bounds.indexOf(bound)]!, refused });
  }

  /** Of each tree the leaves that a box can reach, with the cost to reach each. */
  #reachedFrom(box: Box, point: Float32Array): Reached[][] {
    const { norm } = this.#options;
    const isMaximum = norm === "linf";
    const lower = box.lower.slice();
    const upper = box.upper.slice();
    const start = this.#costOf(point);
    const reached: Reached[] = [];
    const visit = (node: TreeNode, cost: number): void => {
      if (node.type === "leaf") {
        reached.push({ cost, votes: node.votes });
        return;
      }
      const { feature: j, threshold } = node;
      const [low, high] = [lower[j]!, upper[j]!];
      if (high <= threshold || low >= threshold) {
        visit(high <= threshold ? node.below : node.above, cost);
        return;
      }
      const before = isMaximum ? 0 : this.#costOfValue(j, low, high);
      const into = (side: TreeNode) => {
        const after = this.#costOfValue(j, lower[j]!, upper[j]!);
        if (after !== Infinity) visit(side, isMaximum ? Math.max(cost, after) : cost - before + after);
      };
      upper[j] = threshold;
      into(node.below);
      upper[j] = high;
      lower[j] = threshold;
      into(node.above);
      lower[j] = low;
    };
    return this.#ensemble.trees.map((tree) => {
      reached.length = 0;
      visit(tree, start);
      return reached.slice();
    });
  }

  /** How far to go until the trees that gain could together lift one class to another; Infinity if they cannot. */
  #boundFor({ up, down }: Pair, reached: readonly (readonly Reached[])[]): number {
    const { base } = this.#ensemble;
    let sum = base[up]! - base[down]!;
    const gains: { readonly cost: number; readonly gain: number }[] = [];
    let least = 0;
    for (const leaves of reached) {
      const sorted = leaves.map(({ cost, votes }) => ({ cost, lead: votes[up]! - votes[down]! }));
      sorted.sort((a, b) => a.cost - b.cost || b.lead - a.lead);
      let best = sorted[0]?.lead ?? -Infinity;
      least = Math.max(least, sorted[0]?.cost ?? Infinity);
      sum += best;
      for (const { cost, lead } of sorted) {
        if (lead > best) {
          gains.push({ cost, gain: lead - best });
          best = lead;
        }
      }
    }
    gains.sort((a, b) => a.cost - b.cost);
    let cost = least;
    for (let i = 0; sum < -this.#rounding; i++) {
      if (i === gains.length) return Infinity;
      sum += gains[i]!.gain;
      cost = Math.max(cost, gains[i]!.cost);
    }
    return this.#length(cost) * (1 - DRIFT);
  }

  /** The split where the way to the best leaf that a tree can still reach leaves the way of `point`, in the tree that gains most. */
  #bestCut(box: Box, point: Float32Array, { up, down }: Pair): Cut | undefined {
    let most = 0;
    let found: Cut | undefined;
    for (const tree of this.#ensemble.trees) {
      const { votes } = leafAt(tree, point);
      const best = bestLead(tree, box, up, down);
      const gain = best - (votes[up]! - votes[down]!);
      if (gain <= most) continue;
      let node = tree;
      while (node.type === "split") {
        const { feature, threshold, below, above } = node;
        const [own, other] = point[feature]! < threshold ? [below, above] : [above, below];
        const isOpen = box.lower[feature]! < threshold && box.upper[feature]! > threshold;
        if (isOpen && bestLead(own, box, up, down) < best && bestLead(other, box, up, down) >= best) break;
        node = own;
      }
      if (node.type === "leaf") continue;
      most = gain;
      found = node;
    }
    return found;
  }

  #anyCut(box: Box): Cut | undefined {
    const openIn = (node: TreeNode): Cut | undefined => {
      if (node.type === "leaf") return undefined;
      if (box.upper[node.feature]! <= node.threshold) return openIn(node.below);
      return box.lower[node.feature]! >= node.threshold ? openIn(node.above) : node;
    };
    for (const tree of this.#ensemble.trees) {
      const cut = openIn(tree);
      if (cut) return cut;
    }
    return undefined;
  }

  /** By how much the goal is met: below 0 it is not. */
  #margin(votes: Float64Array): number {
    const leads = this.#pairs.map(({ up, down }) => votes[up]! - votes[down]!);
    return this.#goal.target === undefined ? Math.max(...leads) : Math.min(...leads);
  }

  #costOfValue(j: number, lower: number, upper: number): number {
    const x = this.#domain.nearestValue(j, lower, upper);
    return x === undefined ? Infinity : this.#cost(Math.abs(x - this.#domain.origin[j]!));
  }

  #costOf(point: Float32Array): number {
    let sum = 0;
    for (let j = 0; j < point.length; j++) {
      const cost = this.#cost(Math.abs(point[j]! - this.#domain.origin[j]!));
      sum = this.#options.norm === "linf" ? Math.max(sum, cost) : sum + cost;
    }
    return sum;
  }

  #cost(change: number): number {
    const { norm } = this.#options;
    return norm === "l2" ? change * change : norm === "l0" ? Math.sign(change) : change;
  }

  #length(cost: number): number {
    return this.#options.norm === "l2" ? Math.sqrt(Math.max(0, cost)) : cost;
  }

  #lengthOf(point: Float32Array): number {
    return this.#length(this.#costOf(point));
  }
}

/** A class that is to get more votes than another. */
interface Pair {
  readonly up: number;
  readonly down: number;
}

interface Entry {
  readonly box: Box;
  readonly point: Float32Array;
  /** No candidate of the box is nearer. */
  readonly bound: number;
  readonly pair: Pair;
  /** A point that the model refused. */
  readonly refused: Float32Array | undefined;
}

interface Reached {
  readonly cost: number;
  readonly votes: Float64Array;
}

interface Cut {
  readonly feature: number;
  readonly threshold: number;
}

const SLICE = 200; // boxes, some milliseconds to a second

/** Sums of costs are exact to this share. */
const DRIFT = 1e-11;

function bestLead(node: TreeNode, box: Box, up: number, down: number): number {
  if (node.type === "leaf") return node.votes[up]! - node.votes[down]!;
  const { feature, threshold, below, above } = node;
  if (box.upper[feature]! <= threshold) return bestLead(below, box, up, down);
  if (box.lower[feature]! >= threshold) return bestLead(above, box, up, down);
  return Math.max(bestLead(below, box, up, down), bestLead(above, box, up, down));
}

function halves({ lower, upper }: Box, { feature, threshold }: Cut): readonly [Box, Box] {
  const [below, above] = [upper.slice(), lower.slice()];
  below[feature] = threshold;
  above[feature] = threshold;
  return [
    { lower, upper: below },
    { lower: above, upper },
  ];
}
