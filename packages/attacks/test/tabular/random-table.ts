import fc from "fast-check";
import type { ConstraintSpec, FeatureRule } from "../../src/index.ts";

/** A table's rules, a row that obeys them, a point anywhere in the box, all in the units of attacks, and the box. */
export interface RandomTable {
  readonly spec: Required<ConstraintSpec>;
  readonly origin: Float32Array;
  readonly point: Float32Array;
}

interface Column {
  readonly kind: "number" | "integer" | "group";
  readonly lower: number;
  readonly span: number;
  readonly direction: "up" | "down" | undefined;
  readonly isMutable: boolean;
  readonly members: number;
  readonly at: number;
  readonly wants: readonly number[];
}

const column: fc.Arbitrary<Column> = fc.record({
  kind: fc.constantFrom("number", "integer", "group"),
  lower: fc.integer({ min: -500, max: 500 }),
  span: fc.integer({ min: 1, max: 2000 }),
  direction: fc.constantFrom("up", "down", undefined, undefined),
  isMutable: fc.integer({ min: 0, max: 5 }).map((die) => die > 0),
  members: fc.integer({ min: 2, max: 4 }),
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  wants: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 4, maxLength: 4 }),
});

/** Tables of numbers, whole numbers and one-hot groups, in which some features follow from others or stay below them. */
export const randomTable: fc.Arbitrary<RandomTable> = fc
  .record({
    columns: fc.array(column, { minLength: 2, maxLength: 6 }),
    scaled: fc.boolean(),
    links: fc.subarray(["linear", "product", "ratio", "order"] as const),
  })
  .map(({ columns, scaled, links }) => {
    const features: FeatureRule[] = [];
    const origin: number[] = [];
    const wanted: number[] = [];
    for (const [index, { kind, lower, span, direction, isMutable, members, at, wants }] of columns.entries()) {
      const rules = { ...(direction && { direction }), ...(!isMutable && { mutable: false }) };
      if (kind === "group") {
        const chosen = Math.min(members - 1, Math.floor(at * members));
        for (let k = 0; k < members; k++) {
          features.push({ oneHot: `group ${index}`, range: { lower: 0, upper: 1 }, ...rules });
          origin.push(k === chosen ? 1 : 0);
          wanted.push(wants[k]!);
        }
        continue;
      }
      features.push({ range: { lower, upper: lower + span }, ...(kind === "integer" && { integer: true }), ...rules });
      origin.push(kind === "integer" ? lower + Math.round(at * span) : lower + at * span);
      wanted.push(lower + wants[0]! * span);
    }
    const simple = [...features.keys()];
    const [first, second] = [simple[0]!, simple.at(-1)!];
    const derive = (formula: FeatureRule["formula"] & {}, value: number) => {
      const reach = 1e4 + 2 * Math.abs(value);
      features.push({ formula, range: { lower: value - reach, upper: value + reach } });
      origin.push(value);
      wanted.push(value);
    };
    if (links.includes("linear")) {
      const terms = simple.map((feature, k) => ({ feature, weight: k % 2 === 0 ? 1 : -0.5 }));
      derive(
        { type: "linear", terms, constant: 3 },
        terms.reduce((sum, t) => sum + t.weight * origin[t.feature]!, 3),
      );
    }
    if (links.includes("product")) {
      derive({ type: "product", factors: [first, second] }, origin[first]! * origin[second]!);
    }
    if (links.includes("ratio") && Math.abs(origin[second]!) > 1) {
      derive({ type: "ratio", numerator: first, denominator: second }, origin[first]! / origin[second]!);
    }
    if (links.includes("order") && origin[first]! <= origin[second]!)
      features[first] = { ...features[first]!, atMost: second };
    const offset = Float64Array.from(features, ({ range }) => (scaled ? range!.lower : 0));
    const scale = Float64Array.from(features, ({ range }) => (scaled ? range!.upper - range!.lower : 1));
    const toAttack = (row: readonly number[]) => Float32Array.from(row, (value, j) => (value - offset[j]!) / scale[j]!);
    return { spec: { features, units: { offset, scale } }, origin: toAttack(origin), point: toAttack(wanted) };
  });

/** What rule a row breaks, in words, by the letter of the rules; undefined if none. */
export function violationOf(
  { features, units }: Required<ConstraintSpec>,
  point: Float32Array,
  origin: Float32Array,
): string | undefined {
  const value = (j: number) => units.offset[j]! + units.scale[j]! * point[j]!;
  const size = (j: number) => Math.max(Math.abs(features[j]!.range!.lower), Math.abs(features[j]!.range!.upper), 1);
  const groups = new Map<string, number[]>();
  for (const [j, { mutable, range, integer, direction, oneHot, formula, atMost }] of features.entries()) {
    const slack = 1e-6 * size(j);
    const change = point[j]! - origin[j]!;
    if (mutable === false && change !== 0) return `${j} is immutable`;
    if (direction === "up" && change < 0) return `${j} falls`;
    if (direction === "down" && change > 0) return `${j} rises`;
    if (value(j) < range!.lower - slack || value(j) > range!.upper + slack) return `${j} leaves its range`;
    if (integer && Math.abs(value(j) - Math.round(value(j))) > slack) return `${j} is ${value(j)}, not whole`;
    if (oneHot) groups.set(oneHot, [...(groups.get(oneHot) ?? []), value(j)]);
    if (atMost !== undefined && value(j) > value(atMost) + slack + 1e-6 * size(atMost)) return `${j} exceeds ${atMost}`;
    if (!formula) continue;
    const expected =
      formula.type === "linear"
        ? formula.terms.reduce((sum, t) => sum + t.weight * value(t.feature), formula.constant ?? 0)
        : formula.type === "ratio"
          ? value(formula.numerator) / value(formula.denominator)
          : formula.factors.reduce((product, factor) => product * value(factor), 1);
    // float32 may move the sources, of which the formula makes more
    const sensitivity = formula.type === "linear" ? 1 : formula.type === "ratio" ? 1e3 : 1e3;
    if (Math.abs(value(j) - expected) > slack * sensitivity) return `${j} is ${value(j)}, its formula says ${expected}`;
  }
  for (const [name, values] of groups) {
    const sorted = values.map((each) => Math.round(each * 1e6) / 1e6).sort();
    if (sorted.at(-1) !== 1 || sorted.slice(0, -1).some((each) => each !== 0)) return `${name} is ${values}`;
  }
  return undefined;
}
