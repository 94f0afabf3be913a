import type { Attribute, Model, Node, ValueInfo } from "@casemate/onnx";
import { openSession } from "@casemate/onnx";
import { fillUniform, type Tensor, tensor } from "@casemate/tensor";
import { afterEach, describe, expect, test } from "vitest";
import {
  type Attack,
  hopSkipJump,
  type OnnxClassifier,
  openClassifier,
  pgd,
  pointwise,
  run,
  square,
  threats,
  uniformNoise,
} from "../../src/index.ts";
import { predictions } from "../classifiers.ts";
import { randomPlans, tableModel, treeModel } from "./tree-models.ts";

const floats = (value: readonly number[]): Attribute => ({ type: "floats", value });
const ints = (value: readonly number[]): Attribute => ({ type: "ints", value });
const text = (value: string): Attribute => ({ type: "string", value });
const ml = (
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Node["attributes"],
): Node => ({
  ...{ name: op, op, domain: "ai.onnx.ml", inputs, outputs, attributes },
});

const scaler = ml("Scaler", ["X"], ["scaled"], { offset: floats([0.5, 0.5, 0.5]), scale: floats([2, 3, 4]) });
const normalizer = (from: string) => ml("Normalizer", [from], ["normed"], { norm: text("L1") });
const zipMap = (from: string) => ml("ZipMap", [from], ["output_probability"], { classlabels_int64s: ints([0, 1, 2]) });
const label: ValueInfo = { name: "label", dtype: "int64", shape: [undefined], kind: "tensor" };
const zipped: ValueInfo = { name: "output_probability", dtype: "undefined", shape: undefined, kind: "sequence" };
const scores = (name: string, classes = 3): ValueInfo => ({
  ...{ name, dtype: "float32", kind: "tensor" },
  shape: [undefined, classes],
});

const coefficients = [1, -2, 0.5, 0.3, 1, -1, -1.2, 0.7, 1];
const linearClassifier = (transform: string) =>
  ml("LinearClassifier", ["scaled"], ["label", "raw"], {
    coefficients: floats(coefficients),
    intercepts: floats([0.1, 0, -0.1]),
    classlabels_ints: ints([0, 1, 2]),
    multi_class: { type: "int", value: 1 },
    post_transform: text(transform),
  });

// Three support vectors, one of each class, with an RBF kernel, and Platt's parameters.
const svm = ml("SVMClassifier", ["scaled"], ["label", "raw"], {
  classlabels_ints: ints([0, 1, 2]),
  coefficients: floats([1, 1, -1, 1, -1, -1]),
  kernel_type: text("RBF"),
  kernel_params: floats([0.5, 0, 3]),
  post_transform: text("NONE"),
  prob_a: floats([-2, -2, -2]),
  prob_b: floats([0.1, 0, -0.1]),
  rho: floats([0.1, 0, -0.1]),
  support_vectors: floats([-1, -1, 0, 1, 0, 1, 0, 1, -1]),
  vectors_per_class: ints([1, 1, 1]),
});

const asExported = (model: Model): Model => ({
  ...model,
  graph: { ...model.graph, nodes: [...model.graph.nodes, zipMap("scores")], outputs: [label, zipped] },
});

const pipelines: readonly (readonly [string, Model, string])[] = [
  [
    "a logistic regression behind a scaler",
    tableModel([scaler, linearClassifier("SOFTMAX"), normalizer("raw"), zipMap("normed")], 3, [label, zipped]),
    "raw",
  ],
  [
    "one-against-rest logistic regressions",
    tableModel([scaler, linearClassifier("LOGISTIC"), normalizer("raw"), zipMap("normed")], 3, [label, zipped]),
    "raw",
  ],
  ["a support vector machine", tableModel([scaler, svm, zipMap("raw")], 3, [label, zipped]), "raw"],
  [
    "a random forest",
    asExported(treeModel(randomPlans(6, { features: 3, classes: 3, depth: 3, seed: 4 }), { features: 3, classes: 3 })),
    "scores",
  ],
  [
    "boosted trees",
    asExported(
      treeModel(randomPlans(6, { features: 3, classes: 3, depth: 3, seed: 5 }), {
        features: 3,
        classes: 3,
        transform: "SOFTMAX",
      }),
    ),
    "scores",
  ],
];

const opened: { dispose(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of opened.splice(0)) await each.dispose();
});

async function open(model: Model): Promise<OnnxClassifier> {
  const output = { output: "output_probability", kind: "probabilities" } as const;
  const classifier = await openClassifier(model, { bounds: { lower: 0, upper: 1 }, output });
  opened.push(classifier);
  return classifier;
}

function samples(count: number): Tensor {
  return tensor([count, 3], fillUniform(new Float32Array(count * 3), { seed: 3, stream: 1, sample: 0, step: 0 }));
}

describe.each(pipelines)("%s", (_, model, raw) => {
  test("scores as the label says", async () => {
    const classifier = await open(model);
    const bare: Model = {
      ...model,
      graph: {
        ...model.graph,
        nodes: model.graph.nodes.filter(({ op }) => op !== "ZipMap"),
        outputs: [label, scores(raw)],
      },
    };
    const session = await openSession(bare);
    opened.push(session);
    const x = samples(200);
    const answers = await session.run({ X: x });
    const labels = Array.from(answers.label!.data as BigInt64Array, Number);
    expect(predictions(await classifier.logits(x))).toEqual(labels);
    expect(new Set(labels).size).toBeGreaterThan(1);
  });

  test.each<Attack>([square({ queries: 200 }), hopSkipJump({ iterations: 5 }), pointwise(), uniformNoise()])(
    "$name runs on it",
    async (attack) => {
      const classifier = await open(model);
      const x = samples(12);
      const labels = predictions(await classifier.logits(x));
      const threat = threats[attack.norms.includes("linf") ? "linf" : "l0"](attack.norms.includes("linf") ? 0.3 : 2);
      const { samples: found } = await run(classifier, x, labels, threat, { attack, seed: 1 });
      expect(found.filter(({ status }) => status === "failed")).toEqual([]);
      expect(found.some(({ status }) => status === "broken")).toBe(true);
    },
  );

  test("gradient attacks are refused by the name of the operator", async () => {
    const classifier = await open(model);
    const x = samples(2);
    const labels = predictions(await classifier.logits(x));
    const { samples: found } = await run(classifier, x, labels, threats.linf(0.1), { attack: pgd() });
    for (const { status, message } of found) {
      expect(status).toBe("failed");
      expect(message).toMatch(/without: .*(LinearClassifier|SVMClassifier|TreeEnsembleClassifier|Scaler)/);
    }
  });
});

test("a column for each input is refused with what to do about it", async () => {
  const model = tableModel([], 1, []);
  const inputs = ["age", "income"].map((name) => ({ ...model.graph.inputs[0]!, name }));
  await expect(
    openClassifier({ ...model, graph: { ...model.graph, inputs } }, { bounds: { lower: 0, upper: 1 } }),
  ).rejects.toThrow("expected one input, got 'age', 'income'; export the model with all columns in one input");
});
