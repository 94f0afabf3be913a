import { expect, test } from "vitest";
import { gradientKind } from "../../src/gradients/index.ts";

// The operators that the package promises a rule for; * = zero or no gradient.
const promised =
  "Abs Add And* ArgMax* ArgMin* ArrayFeatureExtractor Attention AveragePool BatchNormalization Cast CastLike Ceil* Celu Clip " +
  "Concat Constant* ConstantOfShape* Conv ConvTranspose Cos CumSum DepthToSpace DequantizeLinear Div Dropout Einsum Elu Equal* " +
  "Erf Exp Expand EyeLike* Flatten Floor* Gather GatherElements GatherND Gelu Gemm GlobalAveragePool GlobalLpPool GlobalMaxPool " +
  "Greater* GreaterOrEqual* GroupNormalization GRU HardSigmoid HardSwish Identity InstanceNormalization IsInf* IsNaN* LRN LSTM " +
  "LayerNormalization LeakyRelu Less* LessOrEqual* Log LogSoftmax LpNormalization LpPool MatMul Max MaxPool Mean Min Mish Mod " +
  "Mul Neg NonZero* Not* OneHot* Or* PRelu Pad Pow RMSNormalization RNN Range* Reciprocal ReduceL1 ReduceL2 ReduceLogSum " +
  "ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize RotaryEmbedding " +
  "Round* ScatterElements ScatterND Selu Shape* Sigmoid Sign* Sin Size* Slice Softmax Softplus Softsign SpaceToDepth Split " +
  "Sqrt Squeeze Sub Sum Swish Tan Tanh ThresholdedRelu Tile TopK Transpose Trilu Unsqueeze Upsample Where Xor*";

test.each(promised.split(" "))("%s has the kind of rule that is promised", (entry) => {
  const op = entry.replace("*", "");
  expect(gradientKind({ op, domain: op === "ArrayFeatureExtractor" ? "ai.onnx.ml" : "" })).toBe(
    entry.endsWith("*") ? "zero" : "exact",
  );
});

test("quantisation is passed straight through", () => {
  expect(gradientKind({ op: "QuantizeLinear", domain: "" })).toBe("straight-through");
});

test.each([
  ["Loop", ""],
  ["Scan", ""],
  ["toString", ""],
  ["Relu", "com.example"],
])("%s of domain '%s' has no rule", (op, domain) => {
  expect(gradientKind({ op, domain })).toBe("none");
});
