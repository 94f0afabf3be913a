import { type Attribute, initializerTensor, type Model, type Node } from "@casemate/onnx";
import { AttackError } from "../errors.ts";
import { atLeast, nextUp, type TreeEnsemble, type TreeLeaf, type TreeNode, throughScale } from "./tree-ensemble.ts";

/**
 * Reads the trees of a model whose input goes to one TreeEnsembleClassifier or TreeEnsemble (opset 5 of ai.onnx.ml), at most
 * through a Scaler or a change of type. Throws an AttackError UNSUPPORTED_MODEL for any other.
 */
export function readTrees(model: Model): TreeEnsemble {
  const found = model.graph.nodes.filter(({ op }) => op === "TreeEnsembleClassifier" || op === "TreeEnsemble");
  const [node] = found;
  if (!node || found.length > 1) {
    throw unsupported(`expected one TreeEnsembleClassifier or TreeEnsemble, got ${found.length}`);
  }
  const attributes = new AttributeReader(node);
  const ensemble = node.op === "TreeEnsemble" ? treesOfVersion5(attributes) : treesOfClassifier(attributes);
  return throughPreparation(model, node, ensemble);
}

interface Branch {
  readonly feature: number;
  readonly mode: string;
  readonly value: number;
  readonly whenTrue: () => TreeNode;
  readonly whenFalse: () => TreeNode;
}

function treesOfClassifier(attributes: AttributeReader): TreeEnsemble {
  const treeIds = attributes.numbers("nodes_treeids");
  const nodeIds = attributes.numbers("nodes_nodeids");
  const modes = attributes.strings("nodes_modes");
  const features = attributes.numbers("nodes_featureids");
  const values = attributes.numbers("nodes_values");
  const trueIds = attributes.numbers("nodes_truenodeids");
  const falseIds = attributes.numbers("nodes_falsenodeids");
  const classIds = attributes.numbers("class_ids");
  const weights = attributes.numbers("class_weights");
  const classTrees = attributes.numbers("class_treeids");
  const classNodes = attributes.numbers("class_nodeids");
  const base = attributes.numbers("base_values");
  const classes = attributes.strings("classlabels_strings").length || attributes.numbers("classlabels_int64s").length;
  // All votes are for one of two classes: its score is held to 0, or to a half if no vote is negative.
  const isSingle = classes === 2 && new Set(classIds).size === 1 && classIds[0] === 0;
  const half = weights.every((weight) => weight >= 0) ? 0.5 : 0;

  const at = new Map(treeIds.map((tree, i) => [`${tree} ${nodeIds[i]}`, i]));
  const votes = new Map<number, Float64Array>();
  for (const [i, weight] of weights.entries()) {
    const place = at.get(`${classTrees[i]} ${classNodes[i]}`);
    if (place === undefined) throw unsupported(`there is no node ${classNodes[i]} in tree ${classTrees[i]} to vote`);
    const sum = votes.get(place) ?? new Float64Array(classes);
    sum[isSingle ? 1 : classIds[i]!]! += weight;
    votes.set(place, sum);
  }
  const isChild = new Set<number>();
  const childOf = (i: number, ids: readonly number[]): number => {
    const child = at.get(`${treeIds[i]} ${ids[i]}`);
    if (child === undefined) throw unsupported(`tree ${treeIds[i]} has no node ${ids[i]}`);
    isChild.add(child);
    return child;
  };
  const children = modes.map((mode, i) => (mode === "LEAF" ? [] : [childOf(i, trueIds), childOf(i, falseIds)]));
  const nodeAt = (i: number, depth: number): TreeNode => {
    if (depth > modes.length) throw unsupported(`tree ${treeIds[i]} goes round in a circle`);
    const mode = modes[i]!;
    if (mode === "LEAF") return leaf(votes.get(i) ?? new Float64Array(classes));
    const [whenTrue, whenFalse] = children[i]!.map((child) => () => nodeAt(child, depth + 1));
    return branch({ feature: features[i]!, mode, value: values[i]!, whenTrue: whenTrue!, whenFalse: whenFalse! });
  };
  const roots = [...modes.keys()].filter((i) => !isChild.has(i));
  return {
    base: isSingle
      ? Float64Array.of(half, base[0] ?? 0)
      : Float64Array.from({ length: classes }, (_, k) => base[k] ?? 0),
    trees: roots.map((root) => nodeAt(root, 0)),
  };
}

function treesOfVersion5(attributes: AttributeReader): TreeEnsemble {
  const targets = attributes.numbers("n_targets")[0] ?? 1;
  const aggregate = attributes.numbers("aggregate_function")[0] ?? 1;
  if (aggregate > 1) throw unsupported("expected trees that are added up or averaged, got a minimum or maximum");
  const roots = attributes.numbers("tree_roots");
  const features = attributes.numbers("nodes_featureids");
  const modes = attributes.numbers("nodes_modes");
  const splits = attributes.numbers("nodes_splits");
  const trueIds = attributes.numbers("nodes_truenodeids");
  const falseIds = attributes.numbers("nodes_falsenodeids");
  const trueLeaves = attributes.numbers("nodes_trueleafs");
  const falseLeaves = attributes.numbers("nodes_falseleafs");
  const leafTargets = attributes.numbers("leaf_targetids");
  const leafWeights = attributes.numbers("leaf_weights");
  const share = aggregate === 0 ? 1 / roots.length : 1;
  const classes = Math.max(2, targets);
  const leafOf = (i: number): TreeNode => {
    const votes = new Float64Array(classes);
    votes[targets === 1 ? 1 : leafTargets[i]!] = share * leafWeights[i]!;
    return leaf(votes);
  };
  const nodeAt = (i: number, depth: number): TreeNode => {
    if (depth > modes.length) throw unsupported("a tree goes round in a circle");
    const to = (ids: readonly number[], leaves: readonly number[]) => () =>
      leaves[i] ? leafOf(ids[i]!) : nodeAt(ids[i]!, depth + 1);
    return branch({
      feature: features[i]!,
      mode: BRANCHES[modes[i]!] ?? "BRANCH_MEMBER",
      value: splits[i]!,
      whenTrue: to(trueIds, trueLeaves),
      whenFalse: to(falseIds, falseLeaves),
    });
  };
  return { base: new Float64Array(classes), trees: roots.map((root) => nodeAt(root, 0)) };
}

const BRANCHES = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"] as const;

/** Any comparison of a float32 with a number as one or two of x < threshold. */
function branch({ feature, mode, value, whenTrue, whenFalse }: Branch): TreeNode {
  const split = (threshold: number, below: TreeNode, above: TreeNode): TreeNode => ({
    ...{ type: "split", feature, threshold, below, above },
  });
  const least = atLeast(value);
  const beyond = least === value ? nextUp(value) : least;
  switch (mode) {
    case "BRANCH_LEQ":
      return split(beyond, whenTrue(), whenFalse());
    case "BRANCH_LT":
      return split(least, whenTrue(), whenFalse());
    case "BRANCH_GTE":
      return split(least, whenFalse(), whenTrue());
    case "BRANCH_GT":
      return split(beyond, whenFalse(), whenTrue());
    case "BRANCH_EQ":
      return split(least, whenFalse(), split(beyond, whenTrue(), whenFalse()));
    case "BRANCH_NEQ":
      return split(least, whenTrue(), split(beyond, whenFalse(), whenTrue()));
    default:
      throw unsupported(`expected comparisons with a number, got ${mode}`);
  }
}

function leaf(votes: Float64Array): TreeLeaf {
  return { type: "leaf", votes };
}

/** Trees over the model's own input instead of what a Scaler and the like make of it. */
function throughPreparation({ graph }: Model, node: Node, ensemble: TreeEnsemble): TreeEnsemble {
  let trees = ensemble;
  let name = node.inputs[0]!;
  while (!graph.inputs.some((input) => input.name === name)) {
    const producer = graph.nodes.find(({ outputs }) => outputs.includes(name));
    if (producer?.op === "Scaler") {
      const attributes = new AttributeReader(producer);
      const offsets = attributes.numbers("offset");
      const scales = attributes.numbers("scale");
      if (scales.some((scale) => !(scale > 0))) throw unsupported("expected a Scaler with scales above 0");
      const at = (values: readonly number[], j: number) => Math.fround(values[values.length === 1 ? 0 : j] ?? 0);
      trees = throughScale(trees, (x, j) => Math.fround(Math.fround(x - at(offsets, j)) * at(scales, j)));
    } else if (producer?.op !== "Identity" && producer?.op !== "Cast") {
      throw unsupported(
        `expected trees over the model's input, got them over the output of ${producer?.op ?? "nothing"}`,
      );
    }
    name = producer.inputs[0]!;
  }
  return trees;
}

/** Attributes by name: those of tree operators are lists, or tensors for other element types than float. */
class AttributeReader {
  readonly #node: Node;

  constructor(node: Node) {
    this.#node = node;
  }

  numbers(name: string): readonly number[] {
    const attribute = this.#find(name);
    if (!attribute) return [];
    switch (attribute.type) {
      case "ints":
      case "floats":
        return attribute.value;
      case "int":
      case "float":
        return [attribute.value];
      case "tensor":
        return Array.from(initializerTensor(attribute.value).data as ArrayLike<number | bigint>, Number);
      default:
        throw unsupported(`${this.#node.op}: expected numbers in ${name}, got ${attribute.type}`);
    }
  }

  strings(name: string): readonly string[] {
    const attribute = this.#find(name);
    return attribute?.type === "strings" ? attribute.value : [];
  }

  #find(name: string): Attribute | undefined {
    return this.#node.attributes[`${name}_as_tensor`] ?? this.#node.attributes[name];
  }
}

function unsupported(message: string): AttackError {
  return new AttackError("UNSUPPORTED_MODEL", `trees: ${message}`);
}
