import { AuditError } from "./errors.ts";
import { contradictionInRules } from "./feature-rules.ts";
import { channelsOf, sampleSizeOf } from "./input-bounds.ts";
import { Contract, type ContractInput } from "./schemas/contract.ts";
import { violationOf } from "./schemas/validate.ts";

/** Reads a contract. Throws INVALID_CONTRACT, naming `where`, if it does not meet its schema or contradicts itself. */
export function parseContract(json: unknown, where: string): Contract {
  const violation = violationOf(Contract, json);
  if (violation !== undefined) throw new AuditError("INVALID_CONTRACT", `${where}: ${violation}`);
  const contract = json as Contract;
  const contradiction = contract.inputs.map(contradictionIn).find((words) => words !== undefined);
  if (contradiction !== undefined) throw new AuditError("INVALID_CONTRACT", `${where}: ${contradiction}`);
  const repeated = contract.inputs.find(
    ({ name }, index) => contract.inputs.findIndex((other) => other.name === name) < index,
  );
  if (repeated) throw new AuditError("INVALID_CONTRACT", `${where}: input '${repeated.name}' is described twice`);
  const { kind, classes } = contract.output;
  if ((kind === "logit" || kind === "probability") && classes.length !== 2) {
    throw new AuditError("INVALID_CONTRACT", `${where}: output kind ${kind} has 2 classes, got ${classes.length}`);
  }
  return contract;
}

/** What in the description of one input cannot be true, in words. */
function contradictionIn(input: ContractInput): string | undefined {
  const { name, kind, layout, shape, range, normalisation, features, mutable } = input;
  const size = sampleSizeOf(input);
  const channels = channelsOf(input);
  const here = `input '${name}'`;
  if (kind === "image" && layout === undefined) return `${here}: an image needs a layout, NCHW or NHWC`;
  if (kind === "image" && shape.length !== 4) return `${here}: an image has 4 axes, got ${shape.length}`;
  if (kind !== "image" && layout !== undefined) return `${here}: layout is only for images, kind is ${kind}`;
  for (const [end, bound] of Object.entries(range)) {
    if (typeof bound === "number" || size === undefined) continue;
    if (bound.length !== size && !(kind === "image" && bound.length === channels)) {
      return `${here}: range.${end} has ${bound.length} entries, a sample has ${size} values`;
    }
  }
  const inverted = features?.find((feature) => feature.range && !(feature.range.lower < feature.range.upper));
  if (inverted) return `${here}: the range of feature '${inverted.name}' is empty`;
  if (!isOrdered(range.lower, range.upper)) return `${here}: range.lower is not below range.upper`;
  if (features && size !== undefined && features.length !== size) {
    return `${here}: ${features.length} features described, a sample has ${size}`;
  }
  if (features && new Set(features.map((feature) => feature.name)).size < features.length) {
    return `${here}: two features have the same name`;
  }
  if (mutable && features?.some((feature) => feature.mutable !== undefined)) {
    return `${here}: mutable is given both as a mask and by feature`;
  }
  if (mutable && size !== undefined && mutable.length !== size) {
    return `${here}: mutable has ${mutable.length} flags, a sample has ${size} values`;
  }
  const inRules = contradictionInRules(input);
  if (inRules !== undefined) return `${here}: ${inRules}`;
  return normalisation && contradictionInNormalisation(here, normalisation, channels);
}

function contradictionInNormalisation(
  here: string,
  { mean, standardDeviation }: NonNullable<ContractInput["normalisation"]>,
  channels: number | undefined,
): string | undefined {
  if (mean.length !== standardDeviation.length) {
    return `${here}: normalisation has ${mean.length} means and ${standardDeviation.length} standard deviations`;
  }
  if (mean.length !== 1 && channels !== undefined && mean.length !== channels) {
    return `${here}: normalisation has ${mean.length} entries, expected 1 or ${channels}`;
  }
  if (!standardDeviation.every((deviation) => deviation > 0)) return `${here}: a standard deviation must be above 0`;
  return undefined;
}

function isOrdered(lower: number | readonly number[], upper: number | readonly number[]): boolean {
  const length = Math.max(typeof lower === "number" ? 1 : lower.length, typeof upper === "number" ? 1 : upper.length);
  const at = (bound: number | readonly number[], i: number) =>
    typeof bound === "number" ? bound : bound[i % bound.length]!;
  return Array.from({ length }, (_, i) => at(lower, i) < at(upper, i)).every((ordered) => ordered);
}
