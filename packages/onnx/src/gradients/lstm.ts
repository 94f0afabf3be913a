import type { Value } from "../value.ts";
import { type Direction, gatesOf, parts, recurrent } from "./recurrent.ts";

/**
 * C = f C₋₁ + i g and H = o h(C), with gates i, o, f, g in this order and peepholes from C to i, o, f
 * (Gers and Schmidhuber, 2000). Going back, dC gathers dC₊₁ f₊₁ and dH o h'(C).
 */
export const LSTM = recurrent(["Sigmoid", "Tanh", "Tanh"], (direction) => {
  const { graph, recurrence, peepholes, before, dHidden, dLast, dLastCell, isReverse, activations } = direction;
  const [gate, candidate, output] = activations;
  const { cells, cellsBefore, i, o, f, g } = forward(direction);
  const shown = output!.apply(graph, cells);
  const [pi, po, pf] = peepholes ? parts(graph, peepholes, 3, 0) : [];
  const factors = [
    graph.Mul(o, output!.slope(graph, shown)),
    graph.Mul(g, gate!.slope(graph, i)),
    graph.Mul(shown, gate!.slope(graph, o)),
    graph.Mul(cellsBefore, gate!.slope(graph, f)),
    graph.Mul(i, candidate!.slope(graph, g)),
  ];
  const { states, results } = graph.Scan(
    [dLast, dLastCell],
    [dHidden, f, ...factors],
    !isReverse,
    (step, [dNext, dNextCell], [dy, forget, toCell, toI, toO, toF, toG]) => {
      const dH = step.Add(dNext!, dy!);
      const dO = step.Mul(dH, toO!);
      const direct = step.Add(dNextCell!, step.Mul(dH, toCell!));
      const dC = po ? step.Add(direct, step.Mul(dO, po)) : direct;
      const [dI, dF] = [step.Mul(dC, toI!), step.Mul(dC, toF!)];
      const dGates = step.Concat([dI, dO, dF, step.Mul(dC, toG!)], -1);
      const kept = step.Mul(dC, forget!);
      const dCell = pi && pf ? step.Add(kept, step.Add(step.Mul(dI, pi), step.Mul(dF, pf))) : kept;
      return { states: [step.MatMul(dGates, recurrence), dCell], results: [dGates] };
    },
  );
  const dGates = results[0]!;
  const dPeepholes = () => {
    const [dI, dO, dF] = parts(graph, dGates, 4, 2) as [Value, Value, Value, Value];
    const sums = [graph.Mul(dI, cellsBefore), graph.Mul(dO, cells), graph.Mul(dF, cellsBefore)];
    return graph.ReduceSum(graph.Concat(sums, 2), [0, 1], 0);
  };
  return {
    dGates,
    recurrent: [{ gradient: dGates, state: before }],
    dInitial: states[0]!,
    dInitialCell: states[1]!,
    ...(peepholes && { dPeepholes: dPeepholes() }),
  };
});

/** The gates and cells again, which the operator does not return. All at once from the hidden states, but for the cells. */
function forward(direction: Direction) {
  const { graph, weight, recurrence, biases, peepholes, initialCell, isReverse, activations, shift } = direction;
  const [gate, candidate] = activations;
  const whole = gatesOf(direction, weight, recurrence, biases ?? []);
  const [zi, zo, zf, zg] = parts(graph, whole, 4, 2) as [Value, Value, Value, Value];
  const g = candidate!.apply(graph, zg);
  if (!peepholes) {
    const [i, o, f] = [zi, zo, zf].map((z) => gate!.apply(graph, z)) as [Value, Value, Value];
    const { results } = graph.Scan([initialCell], [f, graph.Mul(i, g)], isReverse, (step, [cell], [forget, added]) => {
      const next = step.Add(step.Mul(forget!, cell!), added!);
      return { states: [next], results: [step.op("Identity", [next])] };
    });
    return { cells: results[0]!, cellsBefore: shift(results[0]!, initialCell), i, o, f, g };
  }
  const [pi, po, pf] = parts(graph, peepholes, 3, 0) as [Value, Value, Value];
  const { results } = graph.Scan([initialCell], [zi, zf, g], isReverse, (step, [cell], [toI, toF, added]) => {
    const open = gate!.apply(step, step.Add(toI!, step.Mul(pi, cell!)));
    const forget = gate!.apply(step, step.Add(toF!, step.Mul(pf, cell!)));
    const next = step.Add(step.Mul(forget, cell!), step.Mul(open, added!));
    return { states: [next], results: [step.op("Identity", [next])] };
  });
  const cells = results[0]!;
  const cellsBefore = shift(cells, initialCell);
  const peep = (z: Value, weights: Value, cell: Value) => gate!.apply(graph, graph.Add(z, graph.Mul(weights, cell)));
  return { cells, cellsBefore, i: peep(zi, pi, cellsBefore), o: peep(zo, po, cells), f: peep(zf, pf, cellsBefore), g };
}
