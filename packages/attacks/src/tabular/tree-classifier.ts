import { type Model, prepare } from "@casemate/onnx";
import { fillIntegers, sizeOf, tensor } from "@casemate/tensor";
import { AttackError } from "../errors.ts";
import type { Classifier } from "../models/classifier.ts";
import { type ClassifierOptions, type OnnxClassifier, openClassifier } from "../models/onnx-classifier.ts";
import { valueAt } from "../threats/radii.ts";
import { readTrees } from "./read-trees.ts";
import { nextDown, roundingOf, type TreeEnsemble, type TreeNode, throughScale, votesAt } from "./tree-ensemble.ts";

/** A classifier whose trees are known, over the input that `logits` takes. */
export interface TreeClassifier extends Classifier {
  readonly trees: TreeEnsemble;
}

/**
 * Opens a model of decision trees (TreeEnsembleClassifier, or TreeEnsemble of opset 5 of ai.onnx.ml) with its trees. Throws an
 * AttackError UNSUPPORTED_MODEL for any other, and where the model does not decide as the trees that were read from it.
 */
export async function openTreeClassifier(
  model: Model,
  options: ClassifierOptions,
): Promise<OnnxClassifier & TreeClassifier> {
  const read = readTrees(await prepare(model, []));
  const trees = options.normalization ? throughScale(read, normalizer(options.normalization)) : read;
  const classifier = await openClassifier(model, options);
  try {
    await compare(classifier, trees);
  } catch (error) {
    await classifier.dispose();
    throw error;
  }
  return { ...classifier, trees };
}

/** The trees of a classifier that has them; throws an AttackError UNSUPPORTED_MODEL for one that has not. */
export function treesOf(model: Classifier, attack: string): TreeEnsemble {
  const { trees } = model as Partial<TreeClassifier>;
  if (trees) return trees;
  throw new AttackError(
    "UNSUPPORTED_MODEL",
    `${attack}: expected a model of decision trees, opened by openTreeClassifier, got another`,
  );
}

/** As the graph computes it, in float32. */
function normalizer({ mean, std }: NonNullable<ClassifierOptions["normalization"]>) {
  const at = (values: readonly number[], j: number) => values[values.length === 1 ? 0 : j]!;
  return (x: number, j: number): number =>
    Math.fround(Math.fround(x - Math.fround(at(mean, j))) * Math.fround(1 / at(std, j)));
}

/** Asks the model about points on and just below the thresholds, and holds its decisions to those of the trees. */
async function compare(classifier: Classifier, ensemble: TreeEnsemble): Promise<void> {
  const { bounds, inputShape, classes } = classifier;
  if (ensemble.base.length !== classes) {
    throw new AttackError("UNSUPPORTED_MODEL", `trees: expected ${classes} classes, got ${ensemble.base.length}`);
  }
  const width = sizeOf(inputShape);
  const thresholds = Array.from({ length: width }, () => [] as number[]);
  const collect = (node: TreeNode): void => {
    if (node.type === "leaf") return;
    thresholds[node.feature]?.push(node.threshold, nextDown(node.threshold));
    collect(node.below);
    collect(node.above);
  };
  for (const tree of ensemble.trees) collect(tree);
  const x = new Float32Array(PROBES * width);
  const places = new Int32Array(width);
  for (let probe = 0; probe < PROBES; probe++) {
    fillIntegers(places, { seed: 0, stream: 0, sample: probe, step: 0 }, 2 ** 31 - 1);
    for (let j = 0; j < width; j++) {
      const [low, high] = [valueAt(bounds.lower, j), valueAt(bounds.upper, j)];
      const inside = thresholds[j]!.filter((value) => value >= low && value <= high);
      const middle = Number.isFinite(low + high) ? (low + high) / 2 : 0;
      x[probe * width + j] = inside.length > 0 ? inside[places[j]! % inside.length]! : middle;
    }
  }
  const { data } = await classifier.logits(tensor([PROBES, ...inputShape], x));
  const rounding = roundingOf(ensemble);
  for (let probe = 0; probe < PROBES; probe++) {
    const votes = votesAt(ensemble, x.subarray(probe * width, (probe + 1) * width));
    const [first, second] = [...votes.keys()].sort((a, b) => votes[b]! - votes[a]!);
    if (votes[first!]! - votes[second!]! <= rounding) continue;
    const scores = data.subarray(probe * classes, (probe + 1) * classes);
    const decided = scores.indexOf(Math.max(...scores));
    if (decided === first) continue;
    throw new AttackError(
      "UNSUPPORTED_MODEL",
      `trees: expected the model to decide as its trees do, got class ${decided} where they say ${first}`,
    );
  }
}

const PROBES = 256;
