import { describe, expect, test } from "vitest";
import { exposeLogits } from "../src/logits.ts";
import { expectClose, numbersOf } from "./gradients/harness.ts";
import { crossEntropyGradients, readVectorModel, readVectors, repeated, underscored } from "./network-vectors.ts";
import { type Repack, transposed } from "./repack.ts";

const encoder = (projection: string, up: string, down: string): Record<string, Repack> => ({
  [projection]: transposed("t_self_attn_in_proj_weight", 48),
  [up]: transposed("t_linear1_weight", 24),
  [down]: transposed("t_linear2_weight", 16),
});

const visionTransformer = (qkv: string, output: string, up: string, down: string): Record<string, Repack> => ({
  [qkv]: transposed("q_weight", 48),
  [output]: transposed("o_weight", 16),
  [up]: transposed("m_1_weight", 24),
  [down]: transposed("m_3_weight", 16),
});

/** Files of different exporters, what their vectors are called, what to differentiate beside weights, and weights renamed. */
const files: readonly (readonly [
  file: string,
  vectors: string,
  wrt: string,
  repacked: Readonly<Record<string, Repack>>,
])[] = [
  ["cnn-torchscript", "cnn", "x", {}],
  ["cnn-dynamo", "cnn", "x", {}],
  [
    "encoder-torchscript",
    "encoder",
    "/e/Gather_output_0",
    encoder("onnx::MatMul_218", "onnx::MatMul_226", "onnx::MatMul_227"),
  ],
  ["encoder-dynamo", "encoder", "embedding", encoder("val_15", "val_99", "val_108")],
  ["encoder-dynamo-opset23", "encoder", "embedding", encoder("val_15", "val_73", "val_75")],
  [
    "vision-transformer-torchscript",
    "vision-transformer",
    "x",
    visionTransformer("onnx::MatMul_127", "onnx::MatMul_134", "onnx::MatMul_135", "onnx::MatMul_136"),
  ],
  ["vision-transformer-dynamo", "vision-transformer", "x", visionTransformer("val_13", "val_70", "val_74", "val_77")],
  [
    "vision-transformer-dynamo-opset23",
    "vision-transformer",
    "x",
    visionTransformer("val_13", "val_43", "val_47", "val_50"),
  ],
  ["cnn-qdq", "cnn-qdq", "x", {}],
  ["cnn-qdq-per-channel", "cnn-qdq-per-channel", "x", {}],
  ["sklearn-mlp", "sklearn-mlp", "x", {}],
  ["keras-nhwc", "keras-nhwc", "x", {}],
];

// The exporter folds the normalisation after these into them.
const folded = new Set(["c1.weight", "c2.weight"]);

describe.each(files)("%s", (file, name, wrt, repacked) => {
  const { vectors, parameters } = readVectors(`exports/${name}`);
  // This exporter writes the length of the sequence into the graph, which then runs with no other.
  const sample = file === "encoder-torchscript" ? { x: vectors.x! } : undefined;

  test("logits, losses and the gradients of the input and of every weight are PyTorch's", async () => {
    const { model, output } = exposeLogits(await readVectorModel(`exports/${file}`), { kind: logitsOf(name) });
    const expected = new Map<string, readonly number[]>([[wrt, numbersOf(vectors.gradient!)]]);
    for (const initializer of model.graph.initializers.keys()) {
      const gradient = repacked[initializer]?.(parameters) ?? parameters[underscored(initializer)];
      if (gradient && !folded.has(initializer)) {
        expected.set(initializer, gradient);
      }
    }
    expect([...expected.keys()]).toEqual(expect.arrayContaining(Object.keys(repacked)));
    const feeds = { x: vectors.x!, labels: vectors.y! };
    const results = await crossEntropyGradients(model, [...expected.keys()], feeds, sample);
    expectClose(numbersOf(results[output]!), numbersOf(vectors.logits!), 1e-5, "logits");
    expectClose(numbersOf(results.loss!), numbersOf(vectors.loss!), 1e-5, "losses");
    for (const [value, gradient] of expected) {
      expectClose(numbersOf(results[`gradient/${value}`]!), gradient, 1e-4, `gradient of ${value}`);
    }
  });

  test("in a batch of 5 each sample has the same gradient", async () => {
    const { model } = exposeLogits(await readVectorModel(`exports/${file}`), { kind: logitsOf(name) });
    const feeds = { x: repeated(vectors.x!, 5), labels: repeated(vectors.y!, 5) };
    const results = await crossEntropyGradients(model, [wrt], feeds, sample);
    const expected = numbersOf(repeated(vectors.gradient!, 5));
    expectClose(numbersOf(results[`gradient/${wrt}`]!), expected, 1e-4, `gradient of ${wrt}`);
  });
});

/** PyTorch's exports end in logits; the other graphs end in a softmax that says so itself. */
function logitsOf(name: string): "logits" | undefined {
  return name === "sklearn-mlp" || name === "keras-nhwc" ? undefined : "logits";
}
