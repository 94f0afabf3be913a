import type { Site, Value } from "@casemate/onnx";
import { perChannelFactor } from "./channel-factor.ts";

/** What bounds need to know of an operator that is linear in its inputs from the path, up to a constant. */
export interface LinearOperator {
  readonly type: "linear";
  /** Which inputs may come from the path: the first, one of them, or all of them. */
  readonly from: "first" | "one" | "all";
  /** L x, or |L| x if `isAbsolute`, without the constant part. `xs` holds a value for each input from the path. */
  map(site: Site, xs: readonly (Value | undefined)[], isAbsolute: boolean): Value;
  /** How many products a result is summed of, and how many results a number goes into; absent where numbers are only moved. */
  readonly fan?: (site: Site) => Fan;
  /** Whether something is added that does not depend on the path. */
  readonly hasConstant?: (site: Site) => boolean;
}

export interface Fan {
  readonly in: number;
  readonly out: number;
}

/** The node as it stands, on other inputs from the path. Its first result. */
export function emit({ graph, node, inputs, outputs, wants, has }: Site, xs: readonly (Value | undefined)[]): Value {
  const given = inputs.map((value, index) => (wants(index) ? xs[index] : has(index) ? value : undefined));
  return graph.op(node.op, given, { attributes: node.attributes, domain: node.domain, shape: outputs[0]!.shape! });
}

const same: LinearOperator["map"] = (site, xs) => emit(site, xs);

/** What moves numbers without changing them. */
const moved: LinearOperator = { type: "linear", from: "first", map: same };

const reshaped: LinearOperator = {
  ...moved,
  map: ({ graph, outputs: [y] }, [x]) => graph.reshapeLike(x!, y!),
};

const magnitudeOf = ({ graph }: Site, weight: Value, isAbsolute: boolean): Value =>
  isAbsolute ? { ...graph.Abs(weight), shape: weight.shape } : weight;

/** The operator on x and its weight, without what it adds. */
const weighted: LinearOperator["map"] = (site, [x], isAbsolute) => {
  const { graph, node, inputs, outputs } = site;
  const { alpha, beta, ...others } = node.attributes;
  const scale = alpha?.type === "float" ? alpha.value : 1;
  const y = graph.op(node.op, [x, magnitudeOf(site, inputs[1]!, isAbsolute)], {
    attributes: others,
    shape: outputs[0]!.shape!,
  });
  const factor = isAbsolute ? Math.abs(scale) : scale;
  return factor === 1 ? y : { ...graph.Mul(y, graph.scalar(factor, y)), shape: y.shape };
};

const productOf = (values: readonly unknown[]): number =>
  values.reduce<number>((product, each) => product * Number(each), 1);

const Conv: LinearOperator = {
  type: "linear",
  from: "first",
  map: weighted,
  fan({ inputs, int }) {
    const [out, inner, ...kernel] = inputs[1]!.shape!;
    const places = productOf(kernel);
    return { in: Number(inner) * places + 1, out: (Number(out) / int("group", 1)) * places };
  },
  hasConstant: ({ has }) => has(2),
};

const Gemm: LinearOperator = {
  type: "linear",
  from: "first",
  map: weighted,
  fan({ inputs, int }) {
    const [rows, columns] = inputs[1]!.shape! as number[];
    return int("transB", 0) === 1 ? { in: columns! + 1, out: rows! } : { in: rows! + 1, out: columns! };
  },
  hasConstant: ({ has }) => has(2),
};

const MatMul: LinearOperator = {
  type: "linear",
  from: "first",
  map: weighted,
  fan({ inputs }) {
    const [rows, columns] = inputs[1]!.shape!.slice(-2);
    return { in: Number(rows), out: Number(columns ?? 1) };
  },
};

const isOneConstant = ({ inputs, wants }: Site): boolean => inputs.some((_, index) => !wants(index));

/** x as wide as the result, where a constant made it wider. */
const widened = ({ graph, inputs, outputs: [y], wants }: Site, x: Value): Value => {
  if (x.shape?.join() === y!.shape!.join()) return x;
  return inputs
    .filter((_, index) => !wants(index))
    .reduce((wide, constant) => {
      const zeros = graph.Mul(constant, graph.scalar(0, constant));
      return { ...graph.Add(wide, zeros), shape: y!.shape };
    }, x);
};

const Add: LinearOperator = {
  type: "linear",
  from: "all",
  map(site, xs) {
    const { graph, inputs, outputs, wants } = site;
    const parts = inputs.flatMap((_, index) => (wants(index) ? [xs[index]!] : []));
    return parts.length === 1 ? widened(site, parts[0]!) : { ...graph.Sum(...parts), shape: outputs[0]!.shape };
  },
  fan: ({ inputs }) => ({ in: inputs.length, out: 1 }),
  hasConstant: isOneConstant,
};

const Sub: LinearOperator = {
  ...Add,
  map(site, xs, isAbsolute) {
    const { graph, wants, outputs } = site;
    const minuend = xs[0];
    const subtrahend = xs[1];
    const { shape } = outputs[0]!;
    if (!wants(1)) return widened(site, minuend!);
    if (!wants(0))
      return widened(site, isAbsolute ? subtrahend! : { ...graph.Neg(subtrahend!), shape: subtrahend!.shape });
    return { ...(isAbsolute ? graph.Add(minuend!, subtrahend!) : graph.Sub(minuend!, subtrahend!)), shape };
  },
};

const Mul: LinearOperator = {
  type: "linear",
  from: "one",
  map(site, xs, isAbsolute) {
    const { graph, inputs, outputs, wants } = site;
    const [x, factor] = wants(0) ? [xs[0]!, inputs[1]!] : [xs[1]!, inputs[0]!];
    return { ...graph.op(site.node.op, [x, magnitudeOf(site, factor, isAbsolute)]), shape: outputs[0]!.shape };
  },
  fan: () => ({ in: 1, out: 1 }),
};

const Neg: LinearOperator = {
  type: "linear",
  from: "first",
  map: (site, [x], isAbsolute) => (isAbsolute ? x! : emit(site, [x])),
  fan: () => ({ in: 1, out: 1 }),
};

const BatchNormalization: LinearOperator = {
  type: "linear",
  from: "first",
  map(site, [x], isAbsolute) {
    const factor = perChannelFactor(site);
    return { ...site.graph.Mul(x!, magnitudeOf(site, factor, isAbsolute)), shape: site.outputs[0]!.shape };
  },
  fan: () => ({ in: 4, out: 1 }),
  hasConstant: () => true,
};

const AveragePool: LinearOperator = {
  type: "linear",
  from: "first",
  map: same,
  fan({ ints }) {
    const places = productOf(ints("kernel_shape") ?? []);
    return { in: places + 1, out: places };
  },
};

/** Sums and means over axes other than the batch. */
const reduced: LinearOperator = {
  type: "linear",
  from: "first",
  map: same,
  fan({ inputs, outputs }) {
    const size = (value: Value) => productOf(value.shape!.slice(1));
    return { in: size(inputs[0]!) / size(outputs[0]!) + 1, out: 1 };
  },
};

const Concat: LinearOperator = {
  type: "linear",
  from: "all",
  map(site, xs) {
    const { graph, inputs, wants } = site;
    if (inputs.every((_, index) => wants(index))) return emit(site, xs);
    const parts = inputs.map((value, index) => (wants(index) ? xs[index]! : graph.Mul(value, graph.scalar(0, value))));
    return graph.op("Concat", parts, { attributes: site.node.attributes, shape: site.outputs[0]!.shape! });
  },
  hasConstant: isOneConstant,
};

const Pad: LinearOperator = {
  ...moved,
  map({ graph, node, inputs, outputs, has }, [x]) {
    const axes = has(3) ? inputs[3] : undefined;
    return graph.op("Pad", [x, inputs[1], undefined, axes], {
      attributes: node.attributes,
      shape: outputs[0]!.shape!,
    });
  },
  hasConstant: ({ has }) => has(2),
};

/** The operators that are linear, up to a constant, by name. */
export const linearOperators: Readonly<Record<string, LinearOperator>> = {
  Add,
  AveragePool,
  BatchNormalization,
  Concat,
  Conv,
  ConvTranspose: {
    ...Conv,
    fan({ inputs, int }) {
      const [inner, out, ...kernel] = inputs[1]!.shape!;
      const places = productOf(kernel);
      return { in: (Number(inner) / int("group", 1)) * places + 1, out: Number(out) * places };
    },
  },
  Div: { ...Mul, from: "first" },
  Dropout: { ...moved, map: (_, [x]) => x! },
  Flatten: reshaped,
  Gemm,
  GlobalAveragePool: reduced,
  Identity: { ...moved, map: (_, [x]) => x! },
  MatMul,
  Mul,
  Neg,
  Pad,
  ReduceMean: reduced,
  ReduceSum: reduced,
  Reshape: reshaped,
  Slice: moved,
  Squeeze: reshaped,
  Sub,
  Sum: Add,
  Transpose: moved,
  Unsqueeze: reshaped,
};
