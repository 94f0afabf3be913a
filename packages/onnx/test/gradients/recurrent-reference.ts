import type { Shape } from "@casemate/tensor";

type Numbers = readonly number[];

/** A recurrent operator in plain loops over steps, samples and units: what the tests compare with. */
export interface Cell {
  readonly op: "RNN" | "GRU" | "LSTM";
  readonly direction: "forward" | "reverse" | "bidirectional";
  readonly linearBeforeReset?: boolean;
  readonly activations?: readonly string[];
}

const functions: Readonly<Record<string, (z: number) => number>> = {
  Elu: (z) => (z > 0 ? z : Math.exp(z) - 1),
  HardSigmoid: (z) => Math.min(Math.max(0.2 * z + 0.5, 0), 1),
  LeakyRelu: (z) => (z > 0 ? z : 0.01 * z),
  Relu: (z) => Math.max(z, 0),
  Sigmoid: (z) => 1 / (1 + Math.exp(-z)),
  Softplus: (z) => Math.log1p(Math.exp(z)),
  Softsign: (z) => z / (1 + Math.abs(z)),
  Tanh: Math.tanh,
};

const defaults = { RNN: ["Tanh"], GRU: ["Sigmoid", "Tanh"], LSTM: ["Sigmoid", "Tanh", "Tanh"] };
const gateCounts = { RNN: 1, GRU: 3, LSTM: 4 };

/** All outputs of the node, flat, one after the other: Y, Y_h and, of an LSTM, Y_c. */
export function recurrence(inputs: readonly Numbers[], shapes: readonly Shape[], cell: Cell): number[] {
  const [steps = 0, batch = 0] = shapes[0]!;
  const hidden = shapes[2]![2]!;
  const directions = cell.direction === "bidirectional" ? 2 : 1;
  const y = new Array<number>(steps * directions * batch * hidden).fill(0);
  const [last, lastCells]: [number[], number[]] = [[], []];
  for (let direction = 0; direction < directions; direction++) {
    const isReverse = cell.direction === "reverse" || direction === 1;
    for (let sample = 0; sample < batch; sample++) {
      const at = (direction * batch + sample) * hidden;
      let state = { h: startAt(inputs[5], at, hidden), c: startAt(inputs[6], at, hidden) };
      for (let index = 0; index < steps; index++) {
        const step = isReverse ? steps - 1 - index : index;
        state = next(inputs, shapes, cell, direction, (step * batch + sample) * shapes[0]![2]!, state);
        state.h.forEach((each, unit) => {
          y[((step * directions + direction) * batch + sample) * hidden + unit] = each;
        });
      }
      last.push(...state.h);
      lastCells.push(...state.c);
    }
  }
  return [...y, ...last, ...(cell.op === "LSTM" ? lastCells : [])];
}

interface State {
  readonly h: Numbers;
  readonly c: Numbers;
}

function startAt(list: Numbers | undefined, at: number, hidden: number): Numbers {
  return list?.length ? list.slice(at, at + hidden) : new Array<number>(hidden).fill(0);
}

function next(
  [x = [], weight = [], recurrent = [], bias = [], , , , peepholes = []]: readonly Numbers[],
  shapes: readonly Shape[],
  { op, activations, linearBeforeReset }: Cell,
  direction: number,
  atX: number,
  { h, c }: State,
): State {
  const [width, hidden, gates] = [shapes[0]![2]!, h.length, gateCounts[op]];
  const names = activations?.slice(direction * defaults[op].length) ?? defaults[op];
  const [f, g, s] = [0, 1, 2].map((index) => functions[names[index] ?? "Tanh"]!) as [
    typeof Math.tanh,
    typeof Math.tanh,
    typeof Math.tanh,
  ];
  const row = (gate: number, unit: number) => direction * gates * hidden + gate * hidden + unit;
  const sum = (count: number, term: (index: number) => number) =>
    Array.from({ length: count }, (_, index) => term(index)).reduce((total, each) => total + each, 0);
  const biasAt = (gate: number, unit: number) => bias[direction * 2 * gates * hidden + gate * hidden + unit] ?? 0;
  const fromInput = (gate: number, unit: number) =>
    sum(width, (k) => x[atX + k]! * weight[row(gate, unit) * width + k]!) + biasAt(gate, unit);
  const fromState = (gate: number, unit: number, state: Numbers) =>
    sum(hidden, (k) => state[k]! * recurrent[row(gate, unit) * hidden + k]!) + biasAt(gates + gate, unit);
  const both = (gate: number, unit: number) => fromInput(gate, unit) + fromState(gate, unit, h);
  const peep = (gate: number, unit: number) => peepholes[(direction * 3 + gate) * hidden + unit] ?? 0;
  switch (op) {
    case "RNN":
      return { h: h.map((_, unit) => f(both(0, unit))), c };
    case "GRU": {
      const z = h.map((_, unit) => f(both(0, unit)));
      const r = h.map((_, unit) => f(both(1, unit)));
      const reset = h.map((each, unit) => r[unit]! * each);
      const n = h.map((_, unit) =>
        g(fromInput(2, unit) + (linearBeforeReset ? r[unit]! * fromState(2, unit, h) : fromState(2, unit, reset))),
      );
      return { h: h.map((each, unit) => (1 - z[unit]!) * n[unit]! + z[unit]! * each), c };
    }
    case "LSTM": {
      const cells = c.map((each, unit) => {
        const open = f(both(0, unit) + peep(0, unit) * each);
        const keep = f(both(2, unit) + peep(2, unit) * each);
        return keep * each + open * g(both(3, unit));
      });
      return { h: cells.map((each, unit) => f(both(1, unit) + peep(1, unit) * each) * s(each)), c: cells };
    }
  }
}
