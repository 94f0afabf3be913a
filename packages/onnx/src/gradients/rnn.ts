import { gatesOf, recurrent } from "./recurrent.ts";

// H = f(x Wᵀ + H₋₁ Rᵀ + b), so the gradient of what is within f is dH f', and dH₋₁ = dH f' R.
export const RNN = recurrent(["Tanh"], (direction) => {
  const { graph, weight, recurrence, biases, before, dHidden, dLast, isReverse, activations } = direction;
  const [activation] = activations;
  const state = activation!.apply(graph, gatesOf(direction, weight, recurrence, biases ?? []));
  const slope = activation!.slope(graph, state);
  const { states, results } = graph.Scan([dLast], [dHidden, slope], !isReverse, (step, [dNext], [dy, factor]) => {
    const dGate = step.Mul(step.Add(dNext!, dy!), factor!);
    return { states: [step.MatMul(dGate, recurrence)], results: [dGate] };
  });
  const dGates = results[0]!;
  return { dGates, recurrent: [{ gradient: dGates, state: before }], dInitial: states[0]! };
});
