import { differentiate, type Feeds, openSession, type Session, type SessionOptions, type Value } from "@casemate/onnx";
import { sizeOf, type Tensor, tensor } from "@casemate/tensor";
import { fedTo } from "./block-bounds.ts";
import { type BoundGraph, boundGraph } from "./bound-graph.ts";

import type { Network } from "./network.ts";

export interface SlopeOptions {
  /** The margins by the slopes of CROWN: [batch, rows]. */
  readonly bound: Tensor;
  readonly feeds: Feeds;
  readonly marginGraph: (bounds: BoundGraph, alphas: ReadonlyMap<string, Value>) => Value;
  /** Where sessions are kept. */
  readonly sessions: Map<string, Promise<Session>>;
  readonly options: SessionOptions;
  readonly steps?: number;
  /** Of Adam; times 0.98 after each step, as the authors have it. */
  readonly rate?: number;
}

/**
 * alpha-CROWN (Xu et al., 2021, https://arxiv.org/abs/2011.13824): the slopes of the lower lines of bends, one for each number
 * and margin, climb the bound by Adam; any slope from 0 to 1 is sound, so the best of all steps counts. Deviation: the bounds of
 * what activations take stay CROWN's, while the authors' optimise these too.
 */
export async function optimiseSlopes(network: Network, given: SlopeOptions): Promise<Tensor> {
  const { bound, feeds, sessions, steps = 20, rate = 0.1 } = given;
  const bends = network.path.filter((node) => {
    const operator = network.operator(node);
    return operator.type === "activation" && operator.bendsOnlyAtZero;
  });
  const isOpen = bound.data.some((margin) => margin <= 0);
  if (bends.length === 0 || !isOpen) return bound;
  const session = await (sessions.get("slopes") ??
    openSlopes(
      network,
      bends.map(({ outputs }) => outputs[0]!),
      given,
    ));
  const [batch, rows] = bound.shape as [number, number];
  const slopes = bends.map((node): Slopes => {
    const shape = [batch, rows, ...(network.value(node.outputs[0]!).shape!.slice(1) as number[])];
    const alpha = tensor(shape, new Float32Array(sizeOf(shape)).fill(0.5));
    return {
      name: alphaOf(node.outputs[0]!),
      alpha,
      first: new Float64Array(alpha.data.length),
      second: new Float64Array(alpha.data.length),
    };
  });
  const best = tensor(bound.shape, Float32Array.from(bound.data));
  for (let step = 0; step < steps; step++) {
    const alphas = Object.fromEntries(slopes.map(({ name, alpha }) => [name, alpha]));
    const results = await session.run({ ...fedTo(session, feeds), ...alphas });
    const { data } = results.bound as Tensor;
    for (let i = 0; i < data.length; i++) if (data[i]! > best.data[i]!) best.data[i] = data[i]!;
    if (step === steps - 1 || best.data.every((margin) => margin > 0)) break;
    for (const each of slopes)
      climb(each, (results[`gradient/${each.name}`] as Tensor).data, step, rate * 0.98 ** step);
  }
  return best;
}

interface Slopes {
  readonly name: string;
  readonly alpha: Tensor;
  /** Running means of the gradient and of its square. */
  readonly first: Float64Array;
  readonly second: Float64Array;
}

/** One step of Adam, upwards, kept between 0 and 1. */
function climb({ alpha, first, second }: Slopes, gradient: Float32Array, step: number, rate: number): void {
  const [firstShare, secondShare] = [1 - 0.9 ** (step + 1), 1 - 0.999 ** (step + 1)];
  for (let i = 0; i < gradient.length; i++) {
    const slope = gradient[i]!;
    first[i] = 0.9 * first[i]! + 0.1 * slope;
    second[i] = 0.999 * second[i]! + 0.001 * slope * slope;
    const move = first[i]! / firstShare / (Math.sqrt(second[i]! / secondShare) + 1e-8);
    alpha.data[i] = Math.min(1, Math.max(0, alpha.data[i]! + rate * move));
  }
}

const alphaOf = (name: string): string => `alpha/${name}`;

function openSlopes(
  network: Network,
  names: readonly string[],
  { marginGraph, sessions, options }: SlopeOptions,
): Promise<Session> {
  const model = boundGraph(network, (bounds) => {
    const alphas = names.map((name): readonly [string, Value] => {
      const sizes = network.value(name).shape!.slice(1) as number[];
      return [name, bounds.graph.input(alphaOf(name), "float32", ["batch", network.classes - 1, ...sizes])];
    });
    return { bound: marginGraph(bounds, new Map(alphas)) };
  });
  const opening = differentiate(model, {
    loss: (graph, bound) => graph.ReduceSum(bound, [1], 0),
    wrt: names.map(alphaOf),
    output: "bound",
  }).then((derived) => openSession(derived, options));
  sessions.set("slopes", opening);
  return opening;
}
