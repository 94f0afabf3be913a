import { type GraphBuilder, gradientOf, type Node, type Value } from "@casemate/onnx";
import type { Activation, RelaxOptions } from "./activation.ts";
import { centerOf, type Interval, magnitudeOf, radiusOf } from "./interval.ts";
import type { Intervals } from "./interval-pass.ts";
import type { LinearOperator } from "./linear-operators.ts";
import type { Network } from "./network.ts";
import { type Rounding, roundingOf } from "./rounding.ts";

/** Coefficients of linear functions of a value: [1 or batch, specifications, …shape of the value]. */
interface Rows {
  readonly value: Value;
  /** [1 or batch, specifications] as int64 [2]. */
  readonly counts: Value;
  /** Whether all samples have the same, so that the first axis is 1. */
  readonly isShared: boolean;
  /** Whether what they give at the ball's centre is in the bound already. */
  readonly isCentered?: boolean;
}

export interface LinearBoundsOptions {
  /** The value that is bounded. */
  readonly target: string;
  /** What of it: [1 or batch, specifications, numbers of the value]. */
  readonly specification: Value;
  readonly isShared: boolean;
  /** Bounds of what lies before: those that activations are relaxed by. */
  readonly intervals: Intervals;
  readonly rounding: Rounding;
  /** What the input lies in. */
  readonly ball: Ball;
  /** End at the nearest activations, whose results are then known by their intervals only (IBP with the last layer elided). */
  readonly stopsAtActivations?: boolean;
  /** Slopes for the lower lines of activations, by the name of their result. */
  readonly alphas?: ReadonlyMap<string, Value>;
}

/** The set of inputs as a graph knows it. */
export interface Ball {
  /** The box around it, within the bounds of the input. */
  readonly box: Interval;
  /** Where it is not the box itself: a ball in L2 or L1 around a point [batch, …], its radius without axes. */
  readonly round?: { readonly norm: "l2" | "l1"; readonly point: Value; readonly epsilon: Value };
}

/**
 * The least that specification · value can be on the ball: [batch, specifications]. Carries coefficients back from the value to
 * the input (CROWN, Zhang et al., 2018, https://arxiv.org/abs/1811.00866): through a linear operator by its gradient rule,
 * through an activation by the line that is below for positive coefficients, and above for negative ones.
 */
export function linearBounds(graph: GraphBuilder, network: Network, options: LinearBoundsOptions): Value {
  return new BackwardPass(graph, network, options).lower();
}

class BackwardPass {
  readonly #graph: GraphBuilder;
  readonly #network: Network;
  readonly #options: LinearBoundsOptions;
  readonly #arriving = new Map<string, Rows[]>();
  /** Parts of the bound, [1 or batch, specifications] each, and of what rounding may have lost of it. */
  readonly #parts: Value[] = [];
  readonly #lost: Value[] = [];

  constructor(graph: GraphBuilder, network: Network, options: LinearBoundsOptions) {
    this.#graph = graph;
    this.#network = network;
    this.#options = options;
  }

  lower(): Value {
    const graph = this.#graph;
    const { target, specification, isShared, stopsAtActivations } = this.#options;
    const counts = graph.Slice(graph.shapeOf(specification), [0], [2], [0]);
    const shaped = this.#withShape(specification, counts, this.#network.value(target));
    this.#arriving.set(target, [{ value: shaped, counts, isShared }]);
    for (const node of this.#network.path.toReversed()) {
      const rows = this.#take(node.outputs[0]!);
      if (!rows) continue;
      const operator = this.#network.operator(node);
      if (operator.type === "linear") this.#throughLinear(node, operator, rows);
      else if (stopsAtActivations) this.#end(rows, node.outputs[0]!);
      else this.#throughActivation(node, operator, rows);
    }
    const rows = this.#take(this.#network.input.name);
    if (rows) this.#endAtInput(rows);
    const bound = graph.Sum(...this.#parts);
    const lost = this.#lost;
    return lost.length === 0 ? bound : graph.Sub(bound, graph.Sum(...lost));
  }

  #throughLinear(node: Node, operator: LinearOperator, rows: Rows): void {
    const graph = this.#graph;
    const { intervals, rounding } = this.#options;
    const site = this.#network.site(graph, node);
    const y = site.outputs[0]!;
    const name = node.outputs[0]!;
    const added = rows.isCentered ? undefined : intervals.constant(node);
    if (added) this.#parts.push(this.#dot(rows, added));
    if (rounding === "outward" && operator.fan) {
      const fan = operator.fan(site);
      const size = graph.Mul(intervals.magnitude(node), this.#scalar(roundingOf(fan.in + fan.out)));
      const width = this.#scalar(roundingOf(this.#network.widthOf(name)));
      const counted = rows.isCentered ? this.#center(name) : added;
      const weight = counted ? graph.Add(size, graph.Mul(graph.Abs(counted), width)) : size;
      this.#lost.push(this.#dot(this.#absolute(rows), { ...weight, shape: y.shape }));
    }
    const flat = graph.Reshape(rows.value, graph.ints([-1, ...(y.shape!.slice(1) as number[])]), y.shape);
    const rule = gradientOf(node)!;
    const results = rule(this.#network.site(graph, node, [flat]));
    node.inputs.forEach((input, index) => {
      const part = results[index];
      if (!part || !this.#network.isOnPath(input)) return;
      const value = this.#withShape(part, rows.counts, this.#network.value(input));
      this.#arrive(input, { ...rows, value });
    });
  }

  #throughActivation(node: Node, operator: Activation, rows: Rows): void {
    const graph = this.#graph;
    const { intervals, rounding, alphas } = this.#options;
    const names = node.inputs.filter((input) => this.#network.isOnPath(input));
    const alpha = alphas?.get(node.outputs[0]!);
    const options: RelaxOptions = { rounding, ...(alpha && { alpha }) };
    const xs = names.map((name) => intervals.interval(name));
    const relaxation = operator.relax(this.#network.site(graph, node), xs, options);
    const positive: Rows = { ...rows, value: graph.op("Relu", [rows.value]) };
    const negative: Rows = { ...rows, value: graph.Sub(rows.value, positive.value) };
    const width = this.#scalar(roundingOf(this.#network.widthOf(node.outputs[0]!)));
    const add = (part: Rows, line: Value | undefined, sign: 1 | -1): void => {
      if (!line) return;
      this.#parts.push(this.#dot(part, line));
      if (rounding === "nearest") return;
      const size = graph.Mul(graph.Abs(line), width);
      this.#lost.push(this.#dot(sign === 1 ? part : { ...part, value: graph.Neg(part.value) }, size));
    };
    add(positive, relaxation.lower, 1);
    add(negative, relaxation.upper, -1);
    names.forEach((name, index) => {
      const { lower, upper } = relaxation.slopes[index]!;
      const value = graph.Add(graph.Mul(positive.value, lower), graph.Mul(negative.value, upper));
      const counts = rows.isShared ? graph.Slice(graph.shapeOf(value), [0], [2], [0]) : rows.counts;
      this.#arrive(name, { value, counts, isShared: false });
    });
  }

  /** Counts the least on an interval: c - |A| r. */
  #end(rows: Rows, name: string): void {
    const graph = this.#graph;
    const interval = this.#options.intervals.interval(name);
    const absolute = this.#absolute(rows);
    this.#parts.push(this.#dot(rows, centerOf(graph, interval)));
    this.#parts.push(graph.Neg(this.#dot(absolute, radiusOf(graph, interval))));
    if (this.#options.rounding === "nearest") return;
    const share = this.#scalar(2 * roundingOf(this.#network.widthOf(name)));
    this.#lost.push(this.#dot(absolute, graph.Mul(magnitudeOf(graph, interval), share)));
  }

  #endAtInput(rows: Rows): void {
    const { name } = this.#network.input;
    if (this.#options.stopsAtActivations) {
      this.#end(rows, name);
      return;
    }
    const share = this.#options.rounding === "outward" ? roundingOf(this.#network.widthOf(name)) : 0;
    this.#parts.push(this.#graph.Mul(this.#reach(rows), this.#scalar(-1 - share)));
  }

  /** How far below its value at the centre a function with these coefficients can fall within the ball. */
  #reach(rows: Rows): Value {
    const graph = this.#graph;
    const { box, round } = this.#options.ball;
    const absolute = this.#absolute(rows);
    if (!round) return this.#dot(absolute, radiusOf(graph, box));
    const flat = graph.Reshape(rows.value, graph.ints([0, 0, -1]));
    const dual =
      round.norm === "l1"
        ? graph.ReduceMax(graph.Abs(flat), [2], 0)
        : graph.Sqrt(graph.ReduceSum(graph.Mul(flat, flat), [2], 0));
    // A⁺ (point - lower) + A⁻ (upper - point): the box around the ball, which the bounds may have cut.
    const positive: Rows = { ...rows, value: graph.op("Relu", [rows.value]) };
    const negative: Rows = { ...rows, value: graph.Sub(positive.value, rows.value) };
    const down = this.#dot(positive, graph.Sub(round.point, box.lower));
    const up = this.#dot(negative, graph.Sub(box.upper, round.point));
    return graph.Min(graph.Mul(dual, round.epsilon), graph.Add(down, up));
  }

  readonly #centers = new Map<string, Value>();

  /** An affine value at the centre of the ball. */
  #center(name: string): Value {
    const graph = this.#graph;
    const found = this.#centers.get(name);
    if (found) return found;
    const { ball } = this.#options;
    let made: Value;
    if (name === this.#network.input.name) {
      made = ball.round?.point ?? centerOf(graph, ball.box);
    } else {
      const node = this.#network.path.find(({ outputs }) => outputs[0] === name)!;
      const xs = node.inputs.map((input) => (this.#network.isOnPath(input) ? this.#center(input) : undefined));
      made = this.#options.intervals.apply(node, xs);
    }
    this.#centers.set(name, made);
    return made;
  }

  #arrive(name: string, rows: Rows): void {
    this.#arriving.set(name, [...(this.#arriving.get(name) ?? []), rows]);
  }

  /**
   * All coefficients that arrived at a value. Between the input and an affine value nothing bends, so what they give at the
   * ball's centre is counted there, and only how far they can fall from it is left for the input.
   */
  #take(name: string): Rows | undefined {
    const arrived = this.#arriving.get(name);
    if (!arrived) return undefined;
    const rows = this.#sum(arrived);
    const isCentered = this.#network.isAffine(name) && !this.#options.stopsAtActivations;
    const fresh = isCentered ? arrived.filter((each) => !each.isCentered) : [];
    if (fresh.length > 0) this.#parts.push(this.#dot(this.#sum(fresh), this.#center(name)));
    return { ...rows, isCentered };
  }

  #sum(parts: readonly Rows[]): Rows {
    const own = parts.find(({ isShared }) => !isShared) ?? parts[0]!;
    const value = parts.map((part) => part.value).reduce((sum, each) => this.#graph.Add(sum, each));
    return { ...own, value };
  }

  #absolute(rows: Rows): Rows {
    return { ...rows, value: this.#graph.Abs(rows.value) };
  }

  /** The product of each row with a value [1 or batch, …]: [1 or batch, specifications]. */
  #dot({ value, isShared }: Rows, vector: Value): Value {
    const graph = this.#graph;
    const flat = graph.Reshape(value, graph.ints([0, 0, -1]));
    const isConstant = vector.shape?.[0] === 1;
    if (isConstant) {
      const column = graph.Reshape(vector, graph.ints([-1, 1]));
      return graph.Squeeze(graph.MatMul(flat, column), [2]);
    }
    if (isShared) {
      const matrix = graph.Squeeze(flat, [0]);
      const samples = graph.op("Flatten", [vector], { attributes: { axis: 1 } });
      return graph.op("Gemm", [samples, matrix], { attributes: { transB: 1 } });
    }
    const columns = graph.Unsqueeze(graph.op("Flatten", [vector], { attributes: { axis: 1 } }), [2]);
    return graph.Squeeze(graph.MatMul(flat, columns), [2]);
  }

  #withShape(value: Value, counts: Value, like: Value): Value {
    const graph = this.#graph;
    const sizes = like.shape!.slice(1) as number[];
    return graph.Reshape(value, graph.Concat([counts, graph.ints(sizes)], 0));
  }

  #scalar(number: number): Value {
    return this.#graph.scalar(number, this.#network.input);
  }
}
