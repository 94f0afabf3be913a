import { AttackError } from "../errors.ts";

/** What rows of a table must obey to be possible. All values are in the units of the table. */
export interface ConstraintSpec {
  /** One rule for each feature, in their order. */
  readonly features: readonly FeatureRule[];
  /** Where attacks work in other units than the table's: value = offset + scale · x, a number for each feature. */
  readonly units?: { readonly offset: ArrayLike<number>; readonly scale: ArrayLike<number> };
}

/** What one feature obeys. What is absent does not hold it. */
export interface FeatureRule {
  /** What messages call it; its index if absent. */
  readonly name?: string;
  /** Whether an attacker can change it; true if absent. */
  readonly mutable?: boolean;
  readonly range?: { readonly lower: number; readonly upper: number };
  /** It holds whole numbers. */
  readonly integer?: boolean;
  /** An attacker can only raise it, or only lower it. */
  readonly direction?: "up" | "down";
  /** The group of 0/1 columns that it belongs to, of which exactly one is 1. */
  readonly oneHot?: string;
  /** It follows from other features, and changes with them. */
  readonly formula?: Formula;
  /** The index of a feature that it must not exceed. */
  readonly atMost?: number;
}

/** How a feature follows from others, which are given by their indices. */
export type Formula =
  /** constant + Σ weight · feature: sums, differences, any linear formula. */
  | {
      readonly type: "linear";
      readonly terms: readonly { readonly feature: number; readonly weight: number }[];
      readonly constant?: number;
    }
  | { readonly type: "ratio"; readonly numerator: number; readonly denominator: number }
  | { readonly type: "product"; readonly factors: readonly number[] };

/** The features that a formula reads. */
export function sourcesOf(formula: Formula): readonly number[] {
  switch (formula.type) {
    case "linear":
      return formula.terms.map(({ feature }) => feature);
    case "ratio":
      return [formula.numerator, formula.denominator];
    case "product":
      return formula.factors;
  }
}

/** What a formula gives for the values of other features. */
export function formulaValue(formula: Formula, at: (feature: number) => number): number {
  switch (formula.type) {
    case "linear":
      return formula.terms.reduce((sum, { feature, weight }) => sum + weight * at(feature), formula.constant ?? 0);
    case "ratio":
      return at(formula.numerator) / at(formula.denominator);
    case "product":
      return formula.factors.reduce((product, factor) => product * at(factor), 1);
  }
}

/** The features of each one-hot group. */
export function groupsOf(features: readonly FeatureRule[]): readonly (readonly number[])[] {
  const groups = new Map<string, number[]>();
  for (const [j, { oneHot }] of features.entries()) {
    if (oneHot !== undefined) groups.set(oneHot, [...(groups.get(oneHot) ?? []), j]);
  }
  return [...groups.values()];
}

/** Features with a formula, each after those that it reads. Throws an AttackError INVALID_OPTION if one depends on itself. */
export function derivedInOrder(features: readonly FeatureRule[]): readonly number[] {
  const order: number[] = [];
  const visit = (j: number, path: readonly number[]): void => {
    const { formula } = features[j]!;
    if (!formula || order.includes(j)) return;
    if (path.includes(j)) throw invalid(`${words(features, j)}: its formula depends on itself`);
    for (const source of sourcesOf(formula)) visit(source, [...path, j]);
    order.push(j);
  };
  for (const j of features.keys()) visit(j, []);
  return order;
}

/** Throws an AttackError INVALID_OPTION for rules that contradict each other or name what is not there. */
export function checkSpec({ features, units }: ConstraintSpec): void {
  const width = features.length;
  for (const [name, values] of Object.entries(units ?? {})) {
    if (values.length !== width) throw invalid(`expected ${width} numbers in units.${name}, got ${values.length}`);
  }
  const flat = Array.from(units?.scale ?? []).find((scale) => !(Number.isFinite(scale) && scale > 0));
  if (flat !== undefined) throw invalid(`expected scales above 0, got ${flat}`);
  for (const [j, { range, integer, direction, oneHot, formula, atMost }] of features.entries()) {
    if (range && !(range.lower <= range.upper)) throw invalid(`${words(features, j)}: its range is empty`);
    if (oneHot !== undefined && formula)
      throw invalid(`${words(features, j)}: expected a one-hot group or a formula, got both`);
    if (oneHot !== undefined && integer === false)
      throw invalid(`${words(features, j)}: a one-hot column holds whole numbers`);
    if (oneHot !== undefined && range && !(range.lower <= 0 && range.upper >= 1)) {
      throw invalid(`${words(features, j)}: expected the range of a one-hot column to hold 0 and 1`);
    }
    if (formula && direction && sourcesOf(formula).length === 0)
      throw invalid(`${words(features, j)}: its formula is constant`);
    for (const other of [...(formula ? sourcesOf(formula) : []), ...(atMost === undefined ? [] : [atMost])]) {
      if (!(Number.isInteger(other) && other >= 0 && other < width && other !== j)) {
        throw invalid(`${words(features, j)}: expected another feature from 0 to ${width - 1}, got ${other}`);
      }
    }
  }
  const lonely = groupsOf(features).find((group) => group.length < 2);
  if (lonely) {
    const [j = 0] = lonely;
    throw invalid(
      `${words(features, j)}: expected one-hot group '${features[j]!.oneHot}' to have two members, got one`,
    );
  }
  derivedInOrder(features);
}

function words(features: readonly FeatureRule[], j: number): string {
  const { name } = features[j]!;
  return name === undefined ? `feature ${j}` : `feature '${name}'`;
}

function invalid(message: string): AttackError {
  return new AttackError("INVALID_OPTION", `constraints: ${message}`);
}
