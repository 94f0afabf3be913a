import { AttackError, type ConstraintSpec, constraints, type FeatureRule, formulaValue } from "@casemate/attacks";
import { boundsOf, mutableMask } from "./input-bounds.ts";
import type { ContractFeature, ContractInput } from "./schemas/contract.ts";

/** What an input's rows must obey beyond bounds and mask; undefined where its contract has no such rules. */
export function featureRules(input: ContractInput): readonly FeatureRule[] | undefined {
  const { features } = input;
  if (!features?.some(hasRules)) return undefined;
  const { lower, upper } = boundsOf(input);
  const mask = mutableMask(input);
  const at = (bound: number | Float32Array, j: number) => (typeof bound === "number" ? bound : bound[j]!);
  const indexOf = (name: string) => features.findIndex((feature) => feature.name === name);
  return features.map(({ name, integer, direction, oneHot, formula, atMost }, j) => ({
    name,
    range: { lower: at(lower, j), upper: at(upper, j) },
    ...(mask?.[j] === 0 && { mutable: false }),
    ...(integer && { integer }),
    ...(direction && { direction }),
    ...(oneHot !== undefined && { oneHot }),
    ...(formula && { formula: indexed(formula, indexOf) }),
    ...(atMost !== undefined && { atMost: indexOf(atMost) }),
  }));
}

/** What each feature's range counts in distances; undefined where all count the same. */
export function costsOf({ features }: ContractInput): readonly number[] | undefined {
  const costs = features?.map(({ cost = 1 }) => cost);
  return costs?.some((cost) => cost !== 1) ? costs : undefined;
}

/** What in the rules of an input cannot be true, in words. */
export function contradictionInRules(input: ContractInput): string | undefined {
  const { features = [] } = input;
  for (const { name, formula, atMost } of features) {
    const named = [...(formula ? namesIn(formula) : []), ...(atMost === undefined ? [] : [atMost])];
    const unknown = named.find((each) => !features.some((feature) => feature.name === each));
    if (unknown !== undefined) return `feature '${name}' depends on '${unknown}', which is not described`;
  }
  const rules = featureRules(input);
  if (!rules) return undefined;
  try {
    constraints({ features: rules });
    return undefined;
  } catch (error) {
    if (error instanceof AttackError) return error.message.replace(/^constraints: /, "");
    throw error;
  }
}

/** The rule that a row of the data breaks, in words; a formula may be off by a thousandth of the range. */
export function brokenRule(rules: readonly FeatureRule[], row: Float32Array): string | undefined {
  const groups = new Map<string, number[]>();
  for (const [j, { name, range, integer, oneHot, formula, atMost }] of rules.entries()) {
    const value = row[j]!;
    const width = range!.upper - range!.lower;
    if (integer && !Number.isInteger(value)) return `expected a whole number for '${name}', got ${value}`;
    if (oneHot !== undefined) groups.set(oneHot, [...(groups.get(oneHot) ?? []), value]);
    if (atMost !== undefined && value > row[atMost]! + 1e-6 * width) {
      return `expected '${name}' of at most '${rules[atMost]!.name}', ${row[atMost]}, got ${value}`;
    }
    if (!formula) continue;
    const expected = formulaValue(formula, (source) => row[source]!);
    if (!(Math.abs(value - expected) <= 1e-3 * width)) {
      return `expected ${expected} for '${name}' by its formula, got ${value}`;
    }
  }
  for (const [group, values] of groups) {
    const isOneHot =
      values.filter((value) => value === 1).length === 1 && values.every((value) => value * value === value);
    if (!isOneHot) return `expected a single 1 among 0 in group '${group}', got ${values.join(", ")}`;
  }
  return undefined;
}

/** The rules as attacks take them; `units` as in `ConstraintSpec`. */
export function constraintsOf(input: ContractInput, units: ConstraintSpec["units"]) {
  const features = featureRules(input);
  return features && constraints({ features, ...(units && { units }) });
}

function hasRules({ integer, direction, oneHot, formula, atMost }: ContractFeature): boolean {
  return integer === true || [direction, oneHot, formula, atMost].some((rule) => rule !== undefined);
}

type NamedFormula = NonNullable<ContractFeature["formula"]>;

function namesIn(formula: NamedFormula): readonly string[] {
  switch (formula.type) {
    case "linear":
      return formula.terms.map(({ feature }) => feature);
    case "ratio":
      return [formula.numerator, formula.denominator];
    case "product":
      return formula.factors;
  }
}

function indexed(formula: NamedFormula, indexOf: (name: string) => number): NonNullable<FeatureRule["formula"]> {
  switch (formula.type) {
    case "linear":
      return { ...formula, terms: formula.terms.map(({ feature, weight }) => ({ feature: indexOf(feature), weight })) };
    case "ratio":
      return { ...formula, numerator: indexOf(formula.numerator), denominator: indexOf(formula.denominator) };
    case "product":
      return { ...formula, factors: formula.factors.map(indexOf) };
  }
}
