import { describe, expect, test } from "vitest";
import { expectClose, numbersOf } from "./gradients/harness.ts";
import { crossEntropyGradients, readVectorModel, readVectors, repeated, underscored } from "./network-vectors.ts";
import { gates, merged, type Repack, renamed, transposed } from "./repack.ts";

const directions = ["l0", "l0_reverse"];
const both = (kind: string): string[] => directions.map((direction) => `r_${kind}_${direction}`);
const biases = directions.flatMap((direction) => [`r_bias_ih_${direction}`, `r_bias_hh_${direction}`]);
const lstm = [0, 3, 1, 2]; // input, output, forget, cell of input, forget, cell, output
const gru = [1, 0, 2]; // update, reset, new of reset, update, new

const transformer = (qkv: string, projection: string, up: string, down: string): Record<string, Repack> => ({
  "n1.weight": merged("n1_weight", "n2_weight"),
  "n1.bias": merged("n1_bias", "n2_bias"),
  [qkv]: transposed("a_qkv_weight", 48),
  [projection]: transposed("a_o_weight", 16),
  [up]: transposed("m_0_weight", 32),
  [down]: transposed("m_2_weight", 16),
});

/** Each network with the initializers whose name is not that of a parameter. */
const networks: readonly (readonly [name: string, repacked: Readonly<Record<string, Repack>>])[] = [
  ["conv-transpose", { "onnx::Mul_36": renamed("d_1_weight"), "onnx::Add_37": renamed("d_1_bias") }],
  ["depthwise", { "onnx::PRelu_49": renamed("b_5_weight") }],
  [
    "gru",
    {
      "onnx::GRU_198": gates(biases, gru),
      "onnx::GRU_199": gates(both("weight_ih"), gru),
      "onnx::GRU_200": gates(both("weight_hh"), gru),
    },
  ],
  [
    "lstm",
    {
      "onnx::LSTM_199": gates(biases, lstm),
      "onnx::LSTM_200": gates(both("weight_ih"), lstm),
      "onnx::LSTM_201": gates(both("weight_hh"), lstm),
    },
  ],
  ["mixed-elementwise", {}],
  ["pooling", {}],
  [
    "rnn",
    {
      "onnx::RNN_40": renamed("r_weight_ih_l0"),
      "onnx::RNN_41": renamed("r_weight_hh_l0"),
      "onnx::RNN_42": gates(["r_bias_ih_l0", "r_bias_hh_l0"], [0]),
    },
  ],
  ["transformer", transformer("onnx::MatMul_96", "onnx::MatMul_99", "onnx::MatMul_100", "onnx::MatMul_101")],
  ["transformer-causal", transformer("onnx::MatMul_107", "onnx::MatMul_110", "onnx::MatMul_111", "onnx::MatMul_112")],
  ["upsample-bilinear", { "onnx::Mul_38": renamed("d_1_weight"), "onnx::Add_39": renamed("d_1_bias") }],
  ["upsample-nearest", { "onnx::Mul_38": renamed("d_1_weight"), "onnx::Add_39": renamed("d_1_bias") }],
];

describe.each(networks)("%s", (name, repacked) => {
  const { vectors, parameters } = readVectors(`networks/${name}`);

  test("logits, loss and the gradients of the input and of every weight are PyTorch's", async () => {
    const model = await readVectorModel(`networks/${name}`);
    const expected = new Map<string, readonly number[]>([["input", numbersOf(vectors.gradient_x!)]]);
    for (const initializer of model.graph.initializers.keys()) {
      const gradient = repacked[initializer]?.(parameters) ?? parameters[underscored(initializer)];
      if (gradient) {
        expected.set(initializer, gradient);
      }
    }
    expect([...expected.keys()]).toEqual(expect.arrayContaining(Object.keys(repacked)));
    const results = await crossEntropyGradients(model, [...expected.keys()], { input: vectors.x!, labels: vectors.y! });
    expectClose(numbersOf(results[model.graph.outputs[0]!.name]!), numbersOf(vectors.logits!), 1e-5, "logits");
    const loss = numbersOf(results.loss!).reduce((sum, each) => sum + each, 0);
    expect(loss).toBeCloseTo(numbersOf(vectors.loss!)[0]!, 4);
    for (const [value, gradient] of expected) {
      expectClose(numbersOf(results[`gradient/${value}`]!), gradient, 1e-4, `gradient of ${value}`);
    }
  });

  test.each([1, 5])("in a batch of %i each sample has the same gradient", async (batch) => {
    const model = await readVectorModel(`networks/${name}`);
    const feeds = { input: repeated(vectors.x!, batch), labels: repeated(vectors.y!, batch) };
    const results = await crossEntropyGradients(model, ["input"], feeds);
    const expected = numbersOf(repeated(vectors.gradient_x!, batch));
    expectClose(numbersOf(results["gradient/input"]!), expected, 1e-4, "gradient of the input");
  });
});

test("text-cnn: the gradients of the embedding, of what it looks up and of every weight are PyTorch's", async () => {
  const { vectors, parameters } = readVectors("networks/text-cnn");
  const model = await readVectorModel("networks/text-cnn");
  const lookup = model.graph.nodes.find((node) => node.op === "Gather")!.outputs[0]!;
  const weights = [...model.graph.initializers.keys()];
  const feeds = { input: vectors.x!, labels: vectors.y! };
  const results = await crossEntropyGradients(model, [lookup, ...weights], feeds);
  expectClose(numbersOf(results[model.graph.outputs[0]!.name]!), numbersOf(vectors.logits!), 1e-5, "logits");
  expect(weights.map(underscored).sort()).toEqual(Object.keys(parameters).sort());
  for (const name of weights) {
    const expected = parameters[underscored(name)]!;
    expectClose(numbersOf(results[`gradient/${name}`]!), expected, 1e-4, `gradient of ${name}`);
  }
  const lookedUp = numbersOf(results[`gradient/${lookup}`]!);
  const byToken = parameters.e_weight!.map(() => 0);
  for (const [position, token] of numbersOf(vectors.x!).entries()) {
    for (let feature = 0; feature < 12; feature++) {
      byToken[token * 12 + feature]! += lookedUp[position * 12 + feature]!;
    }
  }
  expectClose(byToken, parameters.e_weight!, 1e-4, "gradient of what the embedding looks up, summed by token");
});
