import type { Node } from "../model.ts";
import {
  Celu,
  Clip,
  Elu,
  HardSigmoid,
  HardSwish,
  LeakyRelu,
  PRelu,
  Relu,
  Selu,
  Shrink,
  ThresholdedRelu,
} from "./activations.ts";
import { Add, Div, Max, Mean, Mod, Mul, Pow, Sub, Sum, Where } from "./arithmetic.ts";
import { Attention, RotaryEmbedding } from "./attention.ts";
import { Conv, ConvTranspose } from "./convolution.ts";
import { Einsum } from "./einsum.ts";
import {
  Abs,
  Acos,
  Acosh,
  Asin,
  Asinh,
  Atan,
  Atanh,
  Cos,
  Cosh,
  Erf,
  Exp,
  Log,
  Neg,
  Reciprocal,
  Sin,
  Sinh,
  Sqrt,
  Tan,
} from "./elementary.ts";
import { type Gradient, zero } from "./gradient.ts";
import { GRU } from "./gru.ts";
import { ArrayFeatureExtractor, Gather, GatherElements, GatherND, TopK } from "./indexing.ts";
import { Concat, Slice, Split } from "./joins.ts";
import { LSTM } from "./lstm.ts";
import {
  BatchNormalization,
  GroupNormalization,
  InstanceNormalization,
  LayerNormalization,
  LpNormalization,
  LRN,
  MeanVarianceNormalization,
  RMSNormalization,
} from "./normalization.ts";
import { Pad } from "./padding.ts";
import { AveragePool, GlobalAveragePool, GlobalLpPool, GlobalMaxPool, LpPool, MaxPool } from "./pooling.ts";
import { Gemm, MatMul } from "./products.ts";
import { DequantizeLinear, QuantizeLinear } from "./quantization.ts";
import {
  ReduceL1,
  ReduceL2,
  ReduceLogSum,
  ReduceLogSumExp,
  ReduceMax,
  ReduceMean,
  ReduceProd,
  ReduceSum,
  ReduceSumSquare,
} from "./reductions.ts";
import { Resize } from "./resize.ts";
import { RNN } from "./rnn.ts";
import { Scaler } from "./scaler.ts";
import { ScatterElements, ScatterND } from "./scatter.ts";
import { Cast, CumSum, Dropout, Expand, Identity, Reshape, ReverseSequence, Tile, Transpose, Trilu } from "./shapes.ts";
import { Gelu, Mish, Sigmoid, Softplus, Softsign, Swish, Tanh } from "./smooth-activations.ts";
import { LogSoftmax, Softmax } from "./softmax.ts";
import { DepthToSpace, SpaceToDepth } from "./space-depth.ts";

/** The gradient rule of every operator that has one; `zero` says that an operator passes no gradient on. */
const gradients = {
  Abs,
  Acos,
  Acosh,
  Add,
  And: zero,
  ArgMax: zero,
  ArgMin: zero,
  ArrayFeatureExtractor,
  Asin,
  Asinh,
  Atan,
  Atanh,
  Attention,
  AveragePool,
  BatchNormalization,
  Bernoulli: zero,
  BitShift: zero,
  BitwiseAnd: zero,
  BitwiseNot: zero,
  BitwiseOr: zero,
  BitwiseXor: zero,
  Cast,
  CastLike: Cast,
  Ceil: zero,
  Celu,
  Clip,
  Concat,
  Constant: zero,
  ConstantOfShape: zero,
  Conv,
  ConvTranspose,
  Cos,
  Cosh,
  CumSum,
  DepthToSpace,
  DequantizeLinear,
  Div,
  Dropout,
  Einsum,
  Elu,
  Equal: zero,
  Erf,
  Exp,
  Expand,
  EyeLike: zero,
  Flatten: Reshape,
  Floor: zero,
  GRU,
  Gather,
  GatherElements,
  GatherND,
  Gelu,
  Gemm,
  GlobalAveragePool,
  GlobalLpPool,
  GlobalMaxPool,
  Greater: zero,
  GreaterOrEqual: zero,
  GroupNormalization,
  HardSigmoid,
  HardSwish,
  Hardmax: zero,
  Identity,
  InstanceNormalization,
  IsInf: zero,
  IsNaN: zero,
  LRN,
  LSTM,
  LayerNormalization,
  LeakyRelu,
  Less: zero,
  LessOrEqual: zero,
  Log,
  LogSoftmax,
  LpNormalization,
  LpPool,
  MatMul,
  Max,
  MaxPool,
  Mean,
  MeanVarianceNormalization,
  Min: Max,
  Mish,
  Mod,
  Mul,
  Multinomial: zero,
  Neg,
  NonZero: zero,
  Not: zero,
  OneHot: zero,
  Or: zero,
  PRelu,
  Pad,
  Pow,
  QuantizeLinear,
  RMSNormalization,
  RNN,
  RandomNormal: zero,
  RandomNormalLike: zero,
  RandomUniform: zero,
  RandomUniformLike: zero,
  Range: zero,
  Reciprocal,
  ReduceL1,
  ReduceL2,
  ReduceLogSum,
  ReduceLogSumExp,
  ReduceMax,
  ReduceMean,
  ReduceMin: ReduceMax,
  ReduceProd,
  ReduceSum,
  ReduceSumSquare,
  Relu,
  Reshape,
  Resize,
  ReverseSequence,
  RotaryEmbedding,
  Round: zero,
  Scaler,
  ScatterElements,
  ScatterND,
  Selu,
  Shape: zero,
  Shrink,
  Sigmoid,
  Sign: zero,
  Sin,
  Sinh,
  Size: zero,
  Slice,
  Softmax,
  Softplus,
  Softsign,
  SpaceToDepth,
  Split,
  Sqrt,
  Squeeze: Reshape,
  Sub,
  Sum,
  Swish,
  Tan,
  Tanh,
  ThresholdedRelu,
  Tile,
  TopK,
  Transpose,
  Trilu,
  Unsqueeze: Reshape,
  Upsample: Resize, // models are upgraded first, and it becomes that
  Where,
  Xor: zero,
} satisfies Record<string, Gradient>;

/** Operators whose rule passes the gradient through as if they did nothing (rounding within a range). */
const straightThrough: ReadonlySet<string> = new Set(["QuantizeLinear"]);

const standardDomains: ReadonlySet<string> = new Set(["", "ai.onnx", "ai.onnx.ml"]);

/** Steps, whose own gradient is zero, as what they approximate. */
const steps: Readonly<Record<string, Gradient>> = { Ceil: Identity, Floor: Identity, Round: Identity, Sign: Identity };

/**
 * The rule of a node's operator, or undefined if there is none. With `straightThrough`, rounding and signs pass the gradient
 * on as if they did nothing (BPDA, Athalye et al., 2018, https://arxiv.org/abs/1802.00420).
 */
export function gradientOf(
  node: Pick<Node, "op" | "domain">,
  { straightThrough: passesSteps = false } = {},
): Gradient | undefined {
  const table: Readonly<Record<string, Gradient>> = passesSteps ? { ...gradients, ...steps } : gradients;
  return standardDomains.has(node.domain) && Object.hasOwn(table, node.op) ? table[node.op] : undefined;
}

/** How an operator is differentiated. */
export function gradientKind(node: Pick<Node, "op" | "domain">): "exact" | "zero" | "straight-through" | "none" {
  const rule = gradientOf(node);
  if (!rule) {
    return "none";
  }
  if (rule === zero) {
    return "zero";
  }
  return straightThrough.has(node.op) ? "straight-through" : "exact";
}
