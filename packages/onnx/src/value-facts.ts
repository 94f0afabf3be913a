import { elementTypeOf } from "./element-type.ts";
import type { ElementType, Graph, Initializer, Node } from "./model.ts";

/**
 * What a graph says about its values without being run: element types, ranks and constants, each undefined where it takes
 * more than the common operators to tell. Enough to upgrade operators whose new form asks for them.
 */
export class ValueFacts {
  readonly #dtypes = new Map<string, ElementType>();
  readonly #ranks = new Map<string, number>();
  readonly #constants = new Map<string, Initializer>();
  readonly #outer: ValueFacts | undefined;

  constructor(graph: Graph, outer?: ValueFacts) {
    this.#outer = outer;
    for (const { name, dtype, shape } of [...graph.outputs, ...graph.inputs]) {
      this.#set(name, dtype === "undefined" ? undefined : dtype, shape?.length);
    }
    for (const initializer of graph.initializers.values()) {
      this.learnConstant(initializer);
    }
  }

  dtype(name: string): ElementType | undefined {
    return this.#dtypes.get(name) ?? this.#outer?.dtype(name);
  }

  rank(name: string): number | undefined {
    return this.#ranks.get(name) ?? this.#outer?.rank(name);
  }

  constant(name: string): Initializer | undefined {
    return this.#constants.get(name) ?? this.#outer?.constant(name);
  }

  learnConstant(initializer: Initializer): void {
    this.#constants.set(initializer.name, initializer);
    this.#set(initializer.name, initializer.dtype, initializer.shape.length);
  }

  /** Takes in what a node makes; nodes come in topological order. */
  learn(node: Node): void {
    const value = node.op === "Constant" ? node.attributes.value : undefined;
    if (value?.type === "tensor") {
      this.#constants.set(node.outputs[0] ?? "", value.value);
    }
    for (const [index, name] of node.outputs.entries()) {
      this.#set(name, this.#dtypeOf(node), index === 0 || node.op === "Split" ? this.#rankOf(node) : undefined);
    }
  }

  #set(name: string, dtype: ElementType | undefined, rank: number | undefined): void {
    if (dtype !== undefined && !this.#dtypes.has(name)) {
      this.#dtypes.set(name, dtype);
    }
    if (rank !== undefined && !this.#ranks.has(name)) {
      this.#ranks.set(name, rank);
    }
  }

  #dtypeOf({ op, inputs, attributes }: Node): ElementType | undefined {
    const { to, value } = attributes;
    if (op === "Cast" && to?.type === "int") {
      return elementTypeOf(to.value);
    }
    if (op === "Constant" || op === "ConstantOfShape") {
      return value?.type === "tensor" ? value.value.dtype : "float32";
    }
    if (givesIndices.has(op)) {
      return "int64";
    }
    if (givesTruth.has(op)) {
      return "bool";
    }
    return this.dtype(inputs[op === "Where" ? 1 : 0] ?? "");
  }

  #rankOf({ op, inputs, attributes }: Node): number | undefined {
    const first = this.rank(inputs[0] ?? "");
    const axes = attributes.axes?.type === "ints" ? attributes.axes.value.length : undefined;
    const ranks = inputs.flatMap((name) => this.rank(name) ?? []);
    const widest = ranks.length === inputs.length ? Math.max(...ranks) : undefined;
    switch (op) {
      case "Gemm":
      case "Flatten":
        return 2;
      case "Reshape":
        return this.constant(inputs[1] ?? "")?.shape[0];
      case "Constant":
        return attributes.value?.type === "tensor" ? attributes.value.value.shape.length : undefined;
      case "Unsqueeze":
        return first === undefined || axes === undefined ? undefined : first + axes;
      case "Squeeze":
        return first === undefined || axes === undefined ? undefined : first - axes;
      case "MatMul":
        return ranks.every((rank) => rank >= 2) ? widest : undefined;
      default:
        return broadcasts.has(op) ? widest : keepsRank.has(op) ? first : undefined;
    }
  }
}

const givesIndices = new Set(["Shape", "Size", "ArgMax", "ArgMin", "NonZero"]);
const givesTruth = new Set([
  "Equal",
  "Greater",
  "GreaterOrEqual",
  "Less",
  "LessOrEqual",
  "Not",
  "And",
  "Or",
  "Xor",
  "IsNaN",
  "IsInf",
]);
const broadcasts = new Set(["Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Sum", "Mean", "Where", "PRelu"]);
const keepsRank = new Set(
  (
    "Abs AveragePool BatchNormalization Cast Celu Ceil Clip Concat Conv ConvTranspose Dropout Elu Erf Exp Floor GlobalAveragePool " +
    "GlobalLpPool GlobalMaxPool Hardmax HardSigmoid HardSwish Identity InstanceNormalization LRN LeakyRelu Log LogSoftmax LpNormalization " +
    "LpPool MaxPool Neg Pad Reciprocal Relu Resize Selu Sigmoid Slice Softmax Softplus Softsign Split Sqrt Tanh ThresholdedRelu " +
    "Transpose Upsample"
  ).split(" "),
);
