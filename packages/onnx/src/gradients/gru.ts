import type { Value } from "../value.ts";
import { gatesOf, parts, recurrent } from "./recurrent.ts";

/**
 * H = (1 − z) n + z H₋₁ with gates z, r, n in this order (Cho et al., 2014). The candidate n sees (r H₋₁) Rᵀ + b, or with
 * linear_before_reset r (H₋₁ Rᵀ + b).
 */
export const GRU = recurrent(["Sigmoid", "Tanh"], (direction, { int }) => {
  const { graph, x, weight, recurrence, biases, before, hidden, dHidden, dLast, isReverse, activations } = direction;
  const [gate, candidate] = activations;
  const isLinear = int("linear_before_reset", 0) !== 0;
  const cut = (rows: Value): [Value, Value] => [
    graph.Slice(rows, [0], [2 * hidden], [0]),
    graph.Slice(rows, [2 * hidden], [3 * hidden], [0]),
  ];
  const [gateWeight, newWeight] = cut(weight);
  const [gateRecurrence, newRecurrence] = cut(recurrence);
  const [wBias, rBias] = biases?.map(cut) ?? [];
  const only = (...values: (Value | undefined)[]) => values.filter((value) => value !== undefined);

  const gates = gate!.apply(graph, gatesOf(direction, gateWeight, gateRecurrence, only(wBias?.[0], rBias?.[0])));
  const [z, r] = parts(graph, gates, 2, 2) as [Value, Value];
  const seen = isLinear ? before : graph.Mul(r, before);
  const recalled = [graph.MatMul(seen, graph.Transpose(newRecurrence, [1, 0])), ...only(rBias?.[1])].reduce(
    (sum, each) => graph.Add(sum, each),
  );
  const fromInput = [graph.MatMul(x, graph.Transpose(newWeight, [1, 0])), ...only(wBias?.[1])];
  const n = candidate!.apply(
    graph,
    [...fromInput, isLinear ? graph.Mul(r, recalled) : recalled].reduce((sum, each) => graph.Add(sum, each)),
  );

  // dz = dH toZ and dn = dH toN; dr = (dn, or dn R) toR
  const toZ = graph.Mul(graph.Sub(before, n), gate!.slope(graph, z));
  const toN = graph.Mul(graph.Sub(graph.scalar(1, z), z), candidate!.slope(graph, n));
  const toR = graph.Mul(isLinear ? recalled : before, gate!.slope(graph, r));
  const { states, results } = graph.Scan(
    [dLast],
    [dHidden, z, r, toZ, toN, toR],
    !isReverse,
    (step, [dNext], [dy, keep, reset, forZ, forN, forR]) => {
      const dH = step.Add(dNext!, dy!);
      const [dZ, dN] = [step.Mul(dH, forZ!), step.Mul(dH, forN!)];
      const kept = step.Mul(dH, keep!);
      if (isLinear) {
        const all = step.Concat([dZ, step.Mul(dN, forR!), step.Mul(dN, reset!)], -1);
        const dState = step.Add(kept, step.MatMul(all, recurrence));
        return { states: [dState], results: [all, dN] };
      }
      const dSeen = step.MatMul(dN, newRecurrence);
      const both = step.Concat([dZ, step.Mul(dSeen, forR!)], -1);
      const dState = step.Add(step.Add(kept, step.Mul(dSeen, reset!)), step.MatMul(both, gateRecurrence));
      return { states: [dState], results: [both, dN] };
    },
  );
  const [first, dNew] = results as [Value, Value];
  const dZR = isLinear ? graph.Slice(first, [0], [2 * hidden], [2]) : first;
  return {
    dGates: graph.Concat([dZR, dNew], 2),
    recurrent: isLinear
      ? [{ gradient: first, state: before }]
      : [
          { gradient: dZR, state: before },
          { gradient: dNew, state: seen },
        ],
    dInitial: states[0]!,
  };
});
