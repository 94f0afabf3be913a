import type { Attribute, Model, Node, ValueInfo } from "@casemate/onnx";
import { tensorInitializer } from "@casemate/onnx";
import { type Draw, fillUniform } from "@casemate/tensor";

/** A tree as tests write it: a leaf's votes by class, or a comparison with its two ways. */
export type Plan =
  | { readonly votes: readonly number[] }
  | {
      readonly feature: number;
      readonly mode: "BRANCH_LEQ" | "BRANCH_LT" | "BRANCH_GTE" | "BRANCH_GT" | "BRANCH_EQ" | "BRANCH_NEQ";
      readonly value: number;
      readonly yes: Plan;
      readonly no: Plan;
    };

export interface TreeModelOptions {
  readonly features: number;
  readonly classes: number;
  readonly transform?: "NONE" | "SOFTMAX" | "LOGISTIC";
  readonly baseValues?: readonly number[];
  /** As exporters write models of two classes: only the votes of the second, under the first's number. */
  readonly isSingle?: boolean;
  /** Nodes before the trees, from X to `prepared`. */
  readonly before?: readonly Node[];
}

const ints = (value: readonly number[]): Attribute => ({ type: "ints", value });
const floats = (value: readonly number[]): Attribute => ({ type: "floats", value });
const strings = (value: readonly string[]): Attribute => ({ type: "strings", value });

/** Trees as a TreeEnsembleClassifier, with a label and scores as outputs, as scikit-learn and XGBoost are exported. */
export function treeModel(plans: readonly Plan[], options: TreeModelOptions): Model {
  const { features, classes, transform = "NONE", baseValues, isSingle = false, before = [] } = options;
  const rows: { tree: number; id: number; feature: number; mode: string; value: number; yes: number; no: number }[] =
    [];
  const votes: { tree: number; id: number; k: number; weight: number }[] = [];
  for (const [tree, plan] of plans.entries()) {
    let count = 0;
    const write = (at: Plan): number => {
      const id = count++;
      if ("votes" in at) {
        rows.push({ tree, id, feature: 0, mode: "LEAF", value: 0, yes: 0, no: 0 });
        for (const [k, weight] of at.votes.entries()) {
          if (isSingle ? k === 1 : true) votes.push({ tree, id, k: isSingle ? 0 : k, weight });
        }
        return id;
      }
      const row = { tree, id, feature: at.feature, mode: at.mode, value: at.value, yes: 0, no: 0 };
      rows.push(row);
      row.yes = write(at.yes);
      row.no = write(at.no);
      return id;
    };
    write(plan);
  }
  const node: Node = {
    name: "trees",
    op: "TreeEnsembleClassifier",
    domain: "ai.onnx.ml",
    inputs: [before.length > 0 ? "prepared" : "X"],
    outputs: ["label", "scores"],
    attributes: {
      nodes_treeids: ints(rows.map((row) => row.tree)),
      nodes_nodeids: ints(rows.map((row) => row.id)),
      nodes_featureids: ints(rows.map((row) => row.feature)),
      nodes_modes: strings(rows.map((row) => row.mode)),
      nodes_values: floats(rows.map((row) => row.value)),
      nodes_truenodeids: ints(rows.map((row) => row.yes)),
      nodes_falsenodeids: ints(rows.map((row) => row.no)),
      class_treeids: ints(votes.map((vote) => vote.tree)),
      class_nodeids: ints(votes.map((vote) => vote.id)),
      class_ids: ints(votes.map((vote) => vote.k)),
      class_weights: floats(votes.map((vote) => vote.weight)),
      classlabels_int64s: ints(Array.from({ length: classes }, (_, k) => k)),
      post_transform: { type: "string", value: transform },
      ...(baseValues && { base_values: floats(baseValues) }),
    },
  };
  return tableModel([...before, node], features, [
    { name: "label", dtype: "int64", shape: [undefined], kind: "tensor" },
    { name: "scores", dtype: "float32", shape: [undefined, classes], kind: "tensor" },
  ]);
}

/** The same trees as a TreeEnsemble of opset 5, with thresholds and weights in float64 if asked for. */
export function treeModel5(
  plans: readonly Plan[],
  { features, classes }: TreeModelOptions,
  dtype: "float32" | "float64" = "float32",
): Model {
  const modes = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"];
  const rows: {
    feature: number;
    mode: number;
    value: number;
    yes: number;
    no: number;
    yesLeaf: number;
    noLeaf: number;
  }[] = [];
  const leaves: { k: number; weight: number }[] = [];
  const roots: number[] = [];
  // A leaf votes for one class: the votes of a tree's leaf for each class need as many trees.
  for (const plan of plans) {
    for (let k = 0; k < classes; k++) {
      const write = (at: Plan): { index: number; isLeaf: boolean } => {
        if ("votes" in at) return { index: leaves.push({ k, weight: at.votes[k]! }) - 1, isLeaf: true };
        const row = {
          feature: at.feature,
          mode: modes.indexOf(at.mode),
          value: at.value,
          yes: 0,
          no: 0,
          yesLeaf: 0,
          noLeaf: 0,
        };
        const index = rows.push(row) - 1;
        const [yes, no] = [write(at.yes), write(at.no)];
        Object.assign(row, { yes: yes.index, no: no.index, yesLeaf: Number(yes.isLeaf), noLeaf: Number(no.isLeaf) });
        return { index, isLeaf: false };
      };
      roots.push(
        write("votes" in plan ? { feature: 0, mode: "BRANCH_LEQ", value: 0, yes: plan, no: plan } : plan).index,
      );
    }
  }
  const numbers = (name: string, values: readonly number[]): Attribute => ({
    type: "tensor",
    value: tensorInitializer(
      name,
      dtype === "float64"
        ? { dtype, shape: [values.length], data: Float64Array.from(values) }
        : { dtype, shape: [values.length], data: Float32Array.from(values) },
    ),
  });
  const bytes = { dtype: "uint8", shape: [rows.length], data: Uint8Array.from(rows, ({ mode }) => mode) } as const;
  const node: Node = {
    name: "trees",
    op: "TreeEnsemble",
    domain: "ai.onnx.ml",
    inputs: ["X"],
    outputs: ["scores"],
    attributes: {
      n_targets: { type: "int", value: classes },
      tree_roots: ints(roots),
      nodes_featureids: ints(rows.map(({ feature }) => feature)),
      nodes_modes: { type: "tensor", value: tensorInitializer("modes", bytes) },
      nodes_splits: numbers(
        "splits",
        rows.map(({ value }) => value),
      ),
      nodes_truenodeids: ints(rows.map(({ yes }) => yes)),
      nodes_falsenodeids: ints(rows.map(({ no }) => no)),
      nodes_trueleafs: ints(rows.map(({ yesLeaf }) => yesLeaf)),
      nodes_falseleafs: ints(rows.map(({ noLeaf }) => noLeaf)),
      leaf_targetids: ints(leaves.map(({ k }) => k)),
      leaf_weights: numbers(
        "weights",
        leaves.map(({ weight }) => weight),
      ),
    },
  };
  return tableModel([node], features, [{ name: "scores", dtype, shape: [undefined, classes], kind: "tensor" }], dtype);
}

/** A model of a table [rows, features] named X. */
export function tableModel(
  nodes: readonly Node[],
  features: number,
  outputs: readonly ValueInfo[],
  dtype: "float32" | "float64" = "float32",
): Model {
  return {
    irVersion: 9,
    opsets: new Map([
      ["", 21],
      ["ai.onnx.ml", nodes.some(({ op }) => op === "TreeEnsemble") ? 5 : 3],
    ]),
    producer: "test",
    metadata: new Map(),
    functions: [],
    graph: {
      name: "table",
      nodes,
      inputs: [{ name: "X", dtype, shape: [undefined, features], kind: "tensor" }],
      outputs,
      initializers: new Map(),
    },
  };
}

const modes = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT"] as const;

/** Random trees whose thresholds are multiples of 1/8, so that samples can lie on them. */
export function randomPlans(
  count: number,
  { features, classes, depth, seed }: { features: number; classes: number; depth: number; seed: number },
): Plan[] {
  return Array.from({ length: count }, (_, tree) => {
    const draw: Draw = { seed, stream: 7, sample: tree, step: 0 };
    const numbers = fillUniform(new Float32Array(2 ** (depth + 3) * (classes + 4)), draw);
    let next = 0;
    const roll = (): number => numbers[next++]!;
    const grow = (level: number): Plan =>
      level === 0 || roll() < 0.1
        ? { votes: Array.from({ length: classes }, () => Math.round(roll() * 16) / 16) }
        : {
            feature: Math.floor(roll() * features),
            mode: modes[Math.floor(roll() * modes.length)]!,
            value: Math.round(roll() * 8) / 8,
            yes: grow(level - 1),
            no: grow(level - 1),
          };
    return grow(depth);
  });
}
