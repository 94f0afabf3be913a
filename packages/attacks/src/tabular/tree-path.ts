import type { Attack } from "../attack.ts";
import { AttackError } from "../errors.ts";
import { Domain } from "./domain.ts";
import { treesOf } from "./tree-classifier.ts";
import type { TreeLeaf, TreeNode } from "./tree-ensemble.ts";

/**
 * The decision tree attack (Papernot et al., 2016, https://arxiv.org/abs/1605.07277): from the leaf of a sample up the tree to
 * the first fork under whose other branch another class is found, and across; changes only what the way to that leaf asks for,
 * as little as it asks. The paper leaves open what else was decided above the fork; here those decisions are kept. Near in the
 * tree is not near in a norm: for the smallest change see the exact evasion. For one tree, opened by `openTreeClassifier`.
 */
export function treePath(): Attack {
  return {
    name: "Decision tree path",
    access: "decision",
    aim: "nearest",
    norms: ["linf", "l2", "l1", "l0"],
    restarts: 0,
    parameters: {},
    citation: { text: "Papernot et al., 2016", url: "https://arxiv.org/abs/1605.07277" },
    async *attempt(search) {
      const { trees, base } = treesOf(search.model, this.name);
      const [tree] = trees;
      if (trees.length !== 1 || !tree) {
        throw new AttackError("UNSUPPORTED_MODEL", `${this.name}: expected a single tree, got ${trees.length}`);
      }
      const slots = search.integers();
      const ways = Array.from({ length: search.active }, (_, row) => {
        slots.values[row] = row;
        const domain = new Domain(search.origin.row(row), search.threat, search.model.bounds);
        const { label, target } = search.goal(row);
        return leavesByWay(tree, domain, (leaf) => {
          const winner = largest(leaf.votes.map((vote, k) => vote + base[k]!));
          return target === undefined ? winner !== label : winner === target;
        });
      });
      const steps = search.active;
      while (search.active > 0) {
        yield { step: steps - search.active, steps };
        const asked = Array.from({ length: search.active }, (_, row) => ways[slots.values[row]!]!.next().value);
        const rows = [...asked.keys()].filter((row) => asked[row]);
        const points = new Float32Array(rows.length * search.width);
        for (const [i, row] of rows.entries()) points.set(asked[row]!, i * search.width);
        const answers = rows.length > 0 ? await search.decide(points, rows) : [];
        const isDone = asked.map((point) => point === undefined);
        for (const [i, row] of rows.entries()) {
          if (!answers[i]) continue;
          search.keep(row, asked[row]!);
          isDone[row] = true;
        }
        search.dismiss((row) => isDone[row]!);
      }
    },
  };
}

/** The nearest points in the leaves that are wanted, from the fork nearest to the origin's own leaf up, each side by breadth. */
function* leavesByWay(
  tree: TreeNode,
  domain: Domain,
  isWanted: (leaf: TreeLeaf) => boolean,
): Generator<Float32Array, undefined> {
  const forks: Step[] = [];
  let step: Step = { node: tree, ...domain.box() };
  while (step.node.type === "split") {
    const [below, above] = sidesOf(step);
    const isBelow = domain.origin[step.node.feature]! < step.node.threshold;
    forks.push(isBelow ? above! : below!);
    step = isBelow ? below! : above!;
  }
  for (const fork of forks.reverse()) {
    for (let level = [fork]; level.length > 0; level = level.flatMap(sidesOf)) {
      for (const { node, ...box } of level) {
        if (node.type === "split" || !isWanted(node)) continue;
        const point = domain.nearest(box);
        if (point) yield point;
      }
    }
  }
  return undefined;
}

/** A node with what the way there asks of each feature. */
interface Step {
  readonly node: TreeNode;
  readonly lower: Float32Array;
  readonly upper: Float32Array;
}

function sidesOf({ node, lower, upper }: Step): readonly Step[] {
  if (node.type === "leaf") return [];
  const { feature, threshold } = node;
  const [least, most] = [lower.slice(), upper.slice()];
  most[feature] = Math.min(upper[feature]!, threshold);
  least[feature] = Math.max(lower[feature]!, threshold);
  return [
    { node: node.below, lower, upper: most },
    { node: node.above, lower: least, upper },
  ];
}

function largest(votes: Float64Array): number {
  return votes.indexOf(Math.max(...votes));
}
