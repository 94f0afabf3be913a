/** Decision trees whose leaves vote for classes; the class with the largest sum wins. */
export interface TreeEnsemble {
  /** What trees start from, a number for each class. */
  readonly base: Float64Array;
  readonly trees: readonly TreeNode[];
}

export type TreeNode = TreeSplit | TreeLeaf;

/** Goes `below` where x[feature] < threshold, a float32, and `above` where it is not: every other comparison is brought to this one. */
export interface TreeSplit {
  readonly type: "split";
  readonly feature: number;
  readonly threshold: number;
  readonly below: TreeNode;
  readonly above: TreeNode;
}

export interface TreeLeaf {
  readonly type: "leaf";
  /** What it adds to each class. */
  readonly votes: Float64Array;
}

/** The leaf that a row of float32 features comes to. */
export function leafAt(tree: TreeNode, x: ArrayLike<number>): TreeLeaf {
  let node = tree;
  while (node.type === "split") node = x[node.feature]! < node.threshold ? node.below : node.above;
  return node;
}

/** What the trees give each class, in float64. */
export function votesAt({ base, trees }: TreeEnsemble, x: ArrayLike<number>): Float64Array {
  const sum = base.slice();
  for (const tree of trees) {
    const { votes } = leafAt(tree, x);
    for (let k = 0; k < sum.length; k++) sum[k]! += votes[k]!;
  }
  return sum;
}

/** How far apart the votes of two classes may be in float64 and still be a tie in the float32 of a runtime. */
export function roundingOf({ base, trees }: TreeEnsemble): number {
  const largest = (votes: Float64Array) => votes.reduce((most, vote) => Math.max(most, Math.abs(vote)), 0);
  const largestIn = (node: TreeNode): number =>
    node.type === "leaf" ? largest(node.votes) : Math.max(largestIn(node.below), largestIn(node.above));
  const total = trees.reduce((sum, tree) => sum + largestIn(tree), largest(base));
  return 2 ** -22 * (trees.length + 1) * total;
}

/**
 * The same trees over other inputs: over x where `value(x, feature)`, which never falls as x rises, was their input. Exact for
 * all float32.
 */
export function throughScale(ensemble: TreeEnsemble, value: (x: number, feature: number) => number): TreeEnsemble {
  const over = (node: TreeNode): TreeNode => {
    if (node.type === "leaf") return node;
    const { feature } = node;
    const threshold = firstFloat((x) => value(x, feature) >= node.threshold);
    return { ...node, threshold, below: over(node.below), above: over(node.above) };
  };
  return { ...ensemble, trees: ensemble.trees.map(over) };
}

/** The next float32 above a number that is one; none is above infinity. */
export function nextUp(x: number): number {
  return x === Infinity ? x : fromOrder(toOrder(x) + 1);
}

/** The next float32 below a number that is one. */
export function nextDown(x: number): number {
  return fromOrder(toOrder(x) - 1);
}

/** The smallest float32 that is at least x. */
export function atLeast(x: number): number {
  const near = Math.fround(x);
  return near >= x ? near : nextUp(near);
}

/** The smallest float32 for which what is false below some point and true above it is true; Infinity if none. */
function firstFloat(isTrue: (x: number) => boolean): number {
  let low = toOrder(-Infinity);
  let high = toOrder(Infinity);
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (isTrue(fromOrder(middle))) high = middle;
    else low = middle + 1;
  }
  return fromOrder(low);
}

const float = new Float32Array(1);
const bits = new Int32Array(float.buffer);

/** The place of a float32 in the order of all: whole numbers, 0 for 0. */
function toOrder(x: number): number {
  float[0] = x;
  return bits[0]! >= 0 ? bits[0]! : -(bits[0]! & 0x7fffffff);
}

function fromOrder(order: number): number {
  bits[0] = order >= 0 ? order : -order | 0x80000000;
  return order === 0 ? 0 : float[0]!;
}
