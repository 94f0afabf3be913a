import type { AnyTensor, DType } from "@casemate/tensor";
import { elementTypeNumber } from "./element-type.ts";
import { tensorInitializer } from "./initializer.ts";
import type { Attribute, Dimension, ElementType, Graph, Initializer, Node, ValueInfo } from "./model.ts";
import { type Extent, isStatic, type Value } from "./value.ts";

/** An attribute as rules write it: whole numbers are ints; wrap what must be a float in `float`. */
export type AttributeLike = number | readonly number[] | string | Attribute;

/** Marks an attribute as a float, which a plain number is not. */
export function float(value: number): Attribute {
  return { type: "float", value };
}

interface OpOptions {
  readonly attributes?: Readonly<Record<string, AttributeLike>>;
  readonly domain?: string;
  /** Element type of the result where it is not that of the first input. */
  readonly dtype?: ElementType;
  /** Shape of the result where the caller knows it. */
  readonly shape?: readonly Extent[];
}

/** What a step of a scan, or the scan as a whole, returns. */
interface ScanStep {
  readonly states: readonly Value[];
  readonly results: readonly Value[];
}

/**
 * Writes nodes in order and hands out their results as values. Operators are methods spelled as in ONNX, in their form
 * since opset 18. Names start with `prefix`, which no other value of the graph may do.
 */
export class GraphBuilder {
  readonly nodes: Node[] = [];
  readonly initializers: Map<string, Initializer> = new Map();
  readonly inputs: ValueInfo[] = [];
  readonly #prefix: string;
  readonly #constants = new Map<string, Value>();
  readonly #shapes = new Map<string, Value>();
  #count = 0;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** Any operator with one result. Absent optional inputs are undefined. */
  op(name: string, inputs: readonly (Value | undefined)[], options: OpOptions = {}): Value {
    return this.ops(name, inputs, 1, options)[0]!;
  }

  /** Any operator with several results. */
  ops(name: string, inputs: readonly (Value | undefined)[], results: number, options: OpOptions = {}): Value[] {
    const { attributes = {}, domain = "", shape } = options;
    const dtype = options.dtype ?? inputs.find((input) => input)?.dtype ?? "float32";
    const outputs = Array.from({ length: results }, () => ({ name: this.#fresh(name), dtype, shape }));
    this.nodes.push({
      name: outputs[0]!.name,
      op: name,
      domain,
      inputs: inputs.map((input) => input?.name ?? ""),
      outputs: outputs.map((output) => output.name),
      attributes: Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, attributeOf(value)])),
    });
    return outputs;
  }

  /** A new input of the graph. */
  input(name: string, dtype: DType, shape: readonly Dimension[]): Value {
    this.inputs.push({ name, dtype, shape, kind: "tensor" });
    return { name, dtype, shape: undefined };
  }

  /** A constant; equal small ones are shared. */
  constant(tensor: AnyTensor): Value {
    const key = tensor.data.length <= 16 ? `${tensor.dtype}[${tensor.shape}]${[...tensor.data].join()}` : undefined;
    const known = key === undefined ? undefined : this.#constants.get(key);
    if (known) {
      return known;
    }
    const value: Value = { name: this.#fresh("constant"), dtype: tensor.dtype, shape: tensor.shape };
    this.initializers.set(value.name, tensorInitializer(value.name, tensor));
    if (key !== undefined) {
      this.#constants.set(key, value);
    }
    return value;
  }

  /** A constant without axes, in the element type of `like`. */
  scalar(number: number, like: Value): Value {
    switch (like.dtype) {
      case "float32":
        return this.constant({ dtype: "float32", shape: [], data: Float32Array.of(number) });
      case "float64":
        return this.constant({ dtype: "float64", shape: [], data: Float64Array.of(number) });
      case "int64":
        return this.constant({ dtype: "int64", shape: [], data: BigInt64Array.of(BigInt(number)) });
      case "int32":
        return this.constant({ dtype: "int32", shape: [], data: Int32Array.of(number) });
      default:
        return this.Cast(this.constant({ dtype: "float32", shape: [], data: Float32Array.of(number) }), like.dtype);
    }
  }

  /** A constant list of int64, as axes, shapes and pads are given. */
  ints(numbers: readonly number[]): Value {
    return this.constant({ dtype: "int64", shape: [numbers.length], data: BigInt64Array.from(numbers, BigInt) });
  }

  /** One int64 without axes. */
  int(number: number): Value {
    return this.constant({ dtype: "int64", shape: [], data: BigInt64Array.of(BigInt(number)) });
  }

  /** The shape of a value as int64 [rank]: a constant where it is known, else read when the graph runs. */
  shapeOf(value: Value): Value {
    if (isStatic(value.shape)) {
      return this.ints(value.shape);
    }
    const known = this.#shapes.get(value.name);
    if (known) {
      return known;
    }
    const shape = this.op("Shape", [value], { dtype: "int64", shape: value.shape && [value.shape.length] });
    this.#shapes.set(value.name, shape);
    return shape;
  }

  /** The size of one axis (counted from the front) as int64 [1]. */
  extentOf(value: Value, axis: number): Value {
    const extent = value.shape?.[axis];
    return typeof extent === "number" ? this.ints([extent]) : this.Slice(this.shapeOf(value), [axis], [axis + 1], [0]);
  }

  /** A tensor of the shape and element type of `like`, filled with one number. */
  filled(like: Value, number: number): Value {
    return this.Expand(this.scalar(number, like), this.shapeOf(like), like.shape);
  }

  /** The same numbers in the shape of `like`, which is a constant if at most one of its axes is free. */
  reshapeLike(value: Value, like: Value): Value {
    const shape = like.shape ?? [];
    const free = shape.filter((extent) => typeof extent !== "number").length;
    const isInferred = free === 1 && !shape.includes(0);
    const target = isInferred
      ? this.ints(shape.map((extent) => (typeof extent === "number" ? extent : -1)))
      : this.shapeOf(like);
    return this.Reshape(value, target, like.shape);
  }

  /**
   * Sums a gradient that has the shape of `from` down to the shape of `to`, undoing the broadcast that took `to` to `from`.
   */
  sumTo(gradient: Value, from: Value, to: Value): Value {
    const source = from.shape ?? [];
    const target = to.shape ?? [];
    const added = source.length - target.length;
    const axes = source.flatMap((extent, axis) =>
      axis < added || (target[axis - added] === 1 && extent !== 1) ? [axis] : [],
    );
    if (axes.length === 0) {
      return gradient;
    }
    const summed = this.ReduceSum(gradient, axes);
    return added === 0 ? summed : this.reshapeLike(summed, to);
  }

  // Operators. Results take the element type of the first input unless said otherwise.
  Abs = (x: Value): Value => this.op("Abs", [x]);
  Add = (a: Value, b: Value): Value => this.op("Add", [a, b]);
  And = (a: Value, b: Value): Value => this.op("And", [a, b], { dtype: "bool" });
  Cast = (x: Value, dtype: ElementType): Value =>
    x.dtype === dtype
      ? x
      : this.op("Cast", [x], { dtype, shape: x.shape, attributes: { to: elementTypeNumber[dtype] ?? 0 } });
  Concat = (parts: readonly Value[], axis: number): Value => this.op("Concat", parts, { attributes: { axis } });
  Cos = (x: Value): Value => this.op("Cos", [x]);
  Div = (a: Value, b: Value): Value => this.op("Div", [a, b]);
  Equal = (a: Value, b: Value): Value => this.op("Equal", [a, b], { dtype: "bool" });
  Erf = (x: Value): Value => this.op("Erf", [x]);
  Exp = (x: Value): Value => this.op("Exp", [x]);
  Expand = (x: Value, shape: Value, known?: readonly Extent[]): Value =>
    this.op("Expand", [x, shape], { shape: known });
  Gather = (x: Value, indices: Value, axis: number): Value => this.op("Gather", [x, indices], { attributes: { axis } });
  GatherElements = (x: Value, indices: Value, axis: number): Value =>
    this.op("GatherElements", [x, indices], { attributes: { axis } });
  Greater = (a: Value, b: Value): Value => this.op("Greater", [a, b], { dtype: "bool" });
  GreaterOrEqual = (a: Value, b: Value): Value => this.op("GreaterOrEqual", [a, b], { dtype: "bool" });
  Less = (a: Value, b: Value): Value => this.op("Less", [a, b], { dtype: "bool" });
  LessOrEqual = (a: Value, b: Value): Value => this.op("LessOrEqual", [a, b], { dtype: "bool" });
  Log = (x: Value): Value => this.op("Log", [x]);
  LogSoftmax = (x: Value, axis: number): Value => this.op("LogSoftmax", [x], { attributes: { axis } });
  MatMul = (a: Value, b: Value): Value => this.op("MatMul", [a, b]);
  Max = (...values: readonly Value[]): Value => this.op("Max", values);
  Min = (...values: readonly Value[]): Value => this.op("Min", values);
  Mul = (a: Value, b: Value): Value => this.op("Mul", [a, b]);
  Neg = (x: Value): Value => this.op("Neg", [x]);
  Not = (x: Value): Value => this.op("Not", [x], { dtype: "bool" });
  OneHot = (indices: Value, depth: number, like: Value, axis = -1): Value =>
    this.op("OneHot", [indices, this.ints([depth]), this.Concat([this.#row(0, like), this.#row(1, like)], 0)], {
      attributes: { axis },
      dtype: like.dtype,
    });
  Or = (a: Value, b: Value): Value => this.op("Or", [a, b], { dtype: "bool" });
  /** Zeros before and behind each of the axes (int64: all befores, then all behinds); negative numbers take away. */
  Pad = (x: Value, pads: Value, axes: readonly number[]): Value =>
    this.op("Pad", [x, pads, undefined, this.ints(axes)]);
  Pow = (x: Value, exponent: Value): Value => this.op("Pow", [x, exponent]);
  /** 0, 1, 2 … below an int64 without axes. */
  Range = (limit: Value): Value => this.op("Range", [this.int(0), limit, this.int(1)]);
  Reciprocal = (x: Value): Value => this.op("Reciprocal", [x]);
  ReduceMax = (x: Value, axes: readonly number[], keepdims = 1): Value =>
    this.op("ReduceMax", [x, this.ints(axes)], { attributes: { keepdims } });
  ReduceSum = (x: Value, axes: readonly number[], keepdims = 1): Value =>
    this.op("ReduceSum", [x, this.ints(axes)], { attributes: { keepdims } });
  Reshape = (x: Value, shape: Value, known?: readonly Extent[]): Value =>
    this.op("Reshape", [x, shape], { shape: known, attributes: { allowzero: 0 } });
  ScatterElements = (x: Value, indices: Value, updates: Value, axis: number, reduction = "none"): Value => {
    const attributes = { axis, reduction };
    const dtype = reduction !== "none" && x.dtype.endsWith("float16") ? "float32" : x.dtype; // no kernel reduces halves
    const inputs = [this.Cast(x, dtype), indices, this.Cast(updates, dtype)];
    return this.Cast(this.op("ScatterElements", inputs, { attributes, shape: x.shape }), x.dtype);
  };
  ScatterND = (x: Value, indices: Value, updates: Value, reduction = "none"): Value =>
    this.op("ScatterND", [x, indices, updates], { attributes: { reduction }, shape: x.shape });
  Sigmoid = (x: Value): Value => this.op("Sigmoid", [x]);
  Sign = (x: Value): Value => this.op("Sign", [x]);
  Sin = (x: Value): Value => this.op("Sin", [x]);
  Slice = (
    x: Value,
    starts: readonly number[],
    ends: readonly number[],
    axes: readonly number[],
    steps?: readonly number[],
  ): Value => this.op("Slice", [x, this.ints(starts), this.ints(ends), this.ints(axes), steps && this.ints(steps)]);
  Softmax = (x: Value, axis: number): Value => this.op("Softmax", [x], { attributes: { axis }, shape: x.shape });
  Sqrt = (x: Value): Value => this.op("Sqrt", [x]);
  Squeeze = (x: Value, axes: readonly number[]): Value => this.op("Squeeze", [x, this.ints(axes)]);
  Sub = (a: Value, b: Value): Value => this.op("Sub", [a, b]);
  Sum = (...values: readonly Value[]): Value => (values.length === 1 ? values[0]! : this.op("Sum", values));
  Tanh = (x: Value): Value => this.op("Tanh", [x]);
  Tile = (x: Value, repeats: Value): Value => this.op("Tile", [x, repeats]);
  TopK = (x: Value, k: number, axis: number, largest = 1): { values: Value; indices: Value } => {
    const [values, indices] = this.ops("TopK", [x, this.ints([k])], 2, { attributes: { axis, largest, sorted: 1 } });
    return { values: values!, indices: { ...indices!, dtype: "int64" } };
  };
  Transpose = (x: Value, perm: readonly number[]): Value =>
    this.op("Transpose", [x], { attributes: { perm }, shape: x.shape && perm.map((axis) => x.shape![axis]!) });
  Unsqueeze = (x: Value, axes: readonly number[]): Value => this.op("Unsqueeze", [x, this.ints(axes)]);
  Where = (condition: Value, a: Value, b: Value): Value => this.op("Where", [condition, a, b], { dtype: a.dtype });

  /**
   * Walks along the first axis of `items`, from its end if `isReverse`, carrying `states`. `body` returns the next states and
   * what to stack along a new first axis in the order of the items; it can use values from outside.
   */
  Scan(
    states: readonly Value[],
    items: readonly Value[],
    isReverse: boolean,
    body: (step: GraphBuilder, states: readonly Value[], items: readonly Value[]) => ScanStep,
  ): ScanStep {
    const step = new GraphBuilder(`${this.#fresh("Scan")}/`);
    const inner = [...states, ...items].map(({ dtype }): Value => {
      const name = step.#fresh("input");
      step.inputs.push({ name, dtype, shape: undefined, kind: "tensor" });
      return { name, dtype, shape: undefined };
    });
    const made = body(step, inner.slice(0, states.length), inner.slice(states.length));
    const outputs = [...made.states, ...made.results];
    const graph: Graph = {
      name: "step",
      nodes: step.nodes,
      inputs: step.inputs,
      outputs: outputs.map(({ name, dtype }) => ({ name, dtype, shape: undefined, kind: "tensor" })),
      initializers: step.initializers,
    };
    const each = (count: number) => Array.from({ length: count }, () => (isReverse ? 1 : 0));
    const stacked = this.ops("Scan", [...states, ...items], outputs.length, {
      attributes: {
        body: { type: "graph", value: graph },
        num_scan_inputs: items.length,
        scan_input_directions: each(items.length),
        scan_output_directions: each(made.results.length),
      },
    });
    return { states: stacked.slice(0, states.length), results: stacked.slice(states.length) };
  }

  #row(number: number, like: Value): Value {
    return this.Reshape(this.scalar(number, like), this.ints([1]));
  }

  #fresh(name: string): string {
    return `${this.#prefix}${name}_${this.#count++}`;
  }
}

/** The attribute that a shorthand stands for. */
export function attributeOf(value: AttributeLike): Attribute {
  if (typeof value === "number") {
    return { type: "int", value };
  }
  if (typeof value === "string") {
    return { type: "string", value };
  }
  return Array.isArray(value) ? { type: "ints", value } : (value as Attribute);
}
