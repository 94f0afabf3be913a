import { erf } from "./erf.ts";
import { checkRules, uniform } from "./harness.ts";

const shapes = [[], [5], [4, 3, 2]];
const everywhere = { seed: 3 };
const positive = { low: 0.3, high: 3, seed: 4 };
const insideOne = { low: -0.9, high: 0.9, seed: 5 };

type Forward = (x: number) => number;

/** The runtime has a float64 kernel of these. */
const inFloat64: readonly (readonly [op: string, domain: object])[] = [
  ["Abs", { kinks: [0] }],
  ["Neg", everywhere],
  ["Exp", everywhere],
  ["Log", positive],
  ["Sqrt", positive],
  ["Reciprocal", { kinks: [0], low: -3, high: 3, seed: 11 }],
  ["Reciprocal", positive],
  ["Sin", everywhere],
  ["Cos", everywhere],
];

const byReference: readonly (readonly [op: string, domain: object, forward: Forward])[] = [
  ["Erf", everywhere, erf],
  ["Tan", { low: -1.2, high: 1.2 }, Math.tan],
  ["Sinh", everywhere, Math.sinh],
  ["Cosh", everywhere, Math.cosh],
  ["Asin", insideOne, Math.asin],
  ["Acos", insideOne, Math.acos],
  ["Atan", everywhere, Math.atan],
  ["Asinh", everywhere, Math.asinh],
  ["Acosh", { low: 1.2, high: 3 }, Math.acosh],
  ["Atanh", insideOne, Math.atanh],
];

checkRules(
  shapes.flatMap((shape) => [
    ...inFloat64.map(([op, domain]) => ({
      op,
      inputs: [uniform(shape, domain)],
      free: [[0]],
      name: JSON.stringify(domain),
    })),
    ...byReference.map(([op, domain, forward]) => ({
      op,
      inputs: [uniform(shape, domain)],
      free: [[0]],
      reference: ([x]: readonly (readonly number[])[]) => x!.map(forward),
    })),
  ]),
);
