import { type AnyTensor, tensor } from "@casemate/tensor";
import type { GraphBuilder } from "../graph-builder.ts";
import type { Value } from "../value.ts";

/** How a gradient becomes a step. The defaults are PyTorch's. */
export type Optimizer =
  | {
      readonly type: "sgd";
      /** 0 unless stated. */
      readonly momentum?: number;
      readonly nesterov?: boolean;
      /** Added to the gradient as a multiple of the weight; 0 unless stated. */
      readonly weightDecay?: number;
    }
  | {
      /**
       * Kingma & Ba, 2015, https://arxiv.org/abs/1412.6980; "adamw" takes the decay off the weight itself (Loshchilov & Hutter,
       * 2019, https://arxiv.org/abs/1711.05101).
       */
      readonly type: "adam" | "adamw";
      /** 0.9 and 0.999 unless stated. */
      readonly betas?: readonly [number, number];
      /** 1e-8 unless stated. */
      readonly epsilon?: number;
      /** 0 for "adam" and 0.01 for "adamw" unless stated. */
      readonly weightDecay?: number;
    };

/** An optimiser's step, as nodes. Steps are taken against the learning rate in the input `rate`. */
export interface OptimizerRule {
  /** What it remembers of each weight; zeros at first. */
  readonly slots: readonly string[];
  /** The learning rate's companions at a step, from 1. */
  scalars(step: number): Readonly<Record<string, AnyTensor>>;
  step(
    weight: Value,
    gradient: Value,
    slots: readonly Value[],
  ): { readonly weight: Value; readonly slots: readonly Value[] };
}

/** The rule of an optimiser; declares its scalar inputs. */
export function optimizerRules(graph: GraphBuilder, optimizer: Optimizer): OptimizerRule {
  const rate = graph.input("rate", "float32", []);
  return optimizer.type === "sgd" ? sgd(graph, rate, optimizer) : adam(graph, rate, optimizer);
}

type OptimizerOf<Type> = Extract<Optimizer, { type: Type }>;

function sgd(
  graph: GraphBuilder,
  rate: Value,
  { momentum = 0, nesterov = false, weightDecay = 0 }: OptimizerOf<"sgd">,
): OptimizerRule {
  return {
    slots: momentum === 0 ? [] : ["momentum"],
    scalars: () => ({}),
    step(weight, gradient, [velocity]) {
      const slope = decayed(graph, gradient, weight, weightDecay);
      if (!velocity) return { weight: graph.Sub(weight, graph.Mul(slope, rate)), slots: [] };
      const faster = graph.Add(graph.Mul(velocity, graph.scalar(momentum, velocity)), slope);
      const direction = nesterov ? graph.Add(slope, graph.Mul(faster, graph.scalar(momentum, faster))) : faster;
      return { weight: graph.Sub(weight, graph.Mul(direction, rate)), slots: [faster] };
    },
  };
}

function adam(
  graph: GraphBuilder,
  rate: Value,
  { type, betas = [0.9, 0.999], epsilon = 1e-8, weightDecay }: OptimizerOf<"adam" | "adamw">,
): OptimizerRule {
  const isDecoupled = type === "adamw";
  const decay = weightDecay ?? (isDecoupled ? 0.01 : 0);
  const firstScale = graph.input("first-moment-scale", "float32", []);
  const secondScale = graph.input("second-moment-scale", "float32", []);
  const mixed = (old: Value, fresh: Value, beta: number) =>
    graph.Add(graph.Mul(old, graph.scalar(beta, old)), graph.Mul(fresh, graph.scalar(1 - beta, fresh)));
  return {
    slots: ["first-moment", "second-moment"],
    scalars: (step) => ({
      "first-moment-scale": scalar(1 / (1 - betas[0] ** step)),
      "second-moment-scale": scalar(1 / Math.sqrt(1 - betas[1] ** step)),
    }),
    step(weight, gradient, [oldFirst, oldSecond]) {
      const slope = isDecoupled ? gradient : decayed(graph, gradient, weight, decay);
      const shrunk =
        isDecoupled && decay !== 0
          ? graph.Sub(weight, graph.Mul(weight, graph.Mul(rate, graph.scalar(decay, rate))))
          : weight;
      const first = mixed(oldFirst!, slope, betas[0]);
      const second = mixed(oldSecond!, graph.Mul(slope, slope), betas[1]);
      const size = graph.Add(graph.Mul(graph.Sqrt(second), secondScale), graph.scalar(epsilon, second));
      const step = graph.Div(graph.Mul(first, graph.Mul(rate, firstScale)), size);
      return { weight: graph.Sub(shrunk, step), slots: [first, second] };
    },
  };
}

function decayed(graph: GraphBuilder, gradient: Value, weight: Value, decay: number): Value {
  return decay === 0 ? gradient : graph.Add(gradient, graph.Mul(weight, graph.scalar(decay, weight)));
}

function scalar(number: number): AnyTensor {
  return tensor([], Float32Array.of(number));
}
