import { float, type GraphBuilder, type Value } from "@casemate/onnx";
import { requireNumber } from "./option.ts";

/** What is done to the probabilities [batch, classes] that a model gives out, as nodes of its graph. An immutable value. */
export interface OutputHardening {
  readonly name: string;
  readonly nodes: (graph: GraphBuilder, probabilities: Value, classes: number) => Value;
}

/** Rounds to so many decimals, halves up (Tramèr et al., 2016, https://arxiv.org/abs/1609.02943). */
export function roundedOutputs({ decimals = 3 }: { readonly decimals?: number } = {}): OutputHardening {
  requireNumber("round, decimals", decimals, { least: 0, most: 6, isWhole: true });
  return {
    name: "round",
    nodes(graph, p) {
      const scale = graph.scalar(10 ** decimals, p);
      return graph.Div(graph.op("Floor", [graph.Add(graph.Mul(p, scale), graph.scalar(0.5, p))]), scale);
    },
  };
}

/** The k largest probabilities as they are, the others as 0; of equals the first (Tramèr et al., 2016). */
export function topK({ k = 1 }: { readonly k?: number } = {}): OutputHardening {
  requireNumber("top-k, k", k, { least: 1, isWhole: true });
  return { name: "top-k", nodes: (graph, p, classes) => graph.Mul(p, largest(graph, p, k, classes)) };
}

/** 1 at the class, 0 elsewhere: all that label-only attacks need, and more than they use. */
export function labelOnly(): OutputHardening {
  return { name: "label-only", nodes: (graph, p, classes) => largest(graph, p, 1, classes) };
}

/** Gaussian noise on the probabilities, drawn anew in each run; below 0 becomes 0 (Lee et al., 2019). */
export function outputNoise({ deviation = 0.1 }: { readonly deviation?: number } = {}): OutputHardening {
  requireNumber("noise, deviation", deviation, { least: 0 });
  return {
    name: "noise",
    nodes(graph, p) {
      const noise = graph.op("RandomNormalLike", [p], { attributes: { mean: float(0), scale: float(deviation) } });
      return graph.Max(graph.Add(p, noise), graph.scalar(0, p));
    },
  };
}

/** Reverse sigmoid (Lee et al., 2019, https://doi.org/10.1109/SPW.2019.00020): p − β (σ(γ logit(p)) − ½), made to sum to 1. */
export function reverseSigmoidAnswers({ beta = 1, gamma = 0.1 } = {}): OutputHardening {
  requireNumber("reverse-sigmoid, beta", beta, { least: 0 });
  requireNumber("reverse-sigmoid, gamma", gamma, { least: 0 });
  return {
    name: "reverse-sigmoid",
    nodes(graph, p) {
      const number = (value: number) => graph.scalar(value, p);
      const inside = (value: Value) => graph.Max(value, number(SMALLEST)); // 1 - 1e-9 is 1 in float32
      const odds = graph.Sub(graph.Log(inside(p)), graph.Log(inside(graph.Sub(number(1), p))));
      const bend = graph.Sub(graph.Sigmoid(graph.Mul(number(gamma), odds)), number(0.5));
      const bent = graph.Min(graph.Max(graph.Sub(p, graph.Mul(number(beta), bend)), number(0)), number(1));
      return graph.Div(bent, graph.Max(graph.ReduceSum(bent, [1]), number(SMALLEST)));
    },
  };
}

const SMALLEST = 1e-9; // keeps log 0 out

/** 1 at the k largest. */
function largest(graph: GraphBuilder, p: Value, k: number, classes: number): Value {
  if (k >= classes) return graph.filled(p, 1);
  return graph.ReduceSum(graph.OneHot(graph.TopK(p, k, 1).indices, classes, p), [1], 0);
}
