import { Ajv, type ErrorObject } from "ajv";
import type { TSchema } from "typebox";

/** What keeps a value from meeting a schema, the deepest and so most telling place first; undefined if it meets it. */
export function violationOf(schema: TSchema, value: unknown): string | undefined {
  const check = new Ajv({ allErrors: true, allowUnionTypes: true, strictRequired: false }).compile(schema);
  if (check(value)) return undefined;
  const deepest = meant(check.errors ?? []).sort((a, b) => depth(b) - depth(a))[0];
  return deepest === undefined ? "does not meet its schema" : sentence(deepest);
}

/** Of a union of objects that a constant tells apart, only what the one that was meant says. */
function meant(errors: readonly ErrorObject[]): ErrorObject[] {
  const branchOf = ({ schemaPath }: ErrorObject) => /^.*\/anyOf\/\d+\//.exec(schemaPath)?.[0] ?? "";
  const others = new Set(errors.filter(({ keyword }) => keyword === "const").map(branchOf));
  const left = errors.filter((error) => branchOf(error) === "" || !others.has(branchOf(error)));
  return left.some((error) => branchOf(error) !== "") ? left : [...errors];
}

function depth({ instancePath, keyword }: ErrorObject): number {
  // "anyOf" only repeats what its branches said
  return instancePath.split("/").length - (keyword === "anyOf" ? 0.5 : 0);
}

function sentence({ instancePath, keyword, message, params }: ErrorObject): string {
  const place = instancePath === "" ? "the top level" : instancePath;
  if (keyword === "additionalProperties") return `${place} has an unknown property '${params.additionalProperty}'`;
  if (keyword === "enum") return `${place} must be one of ${params.allowedValues.join(", ")}`;
  if (keyword === "const") return `${place} must be ${JSON.stringify(params.allowedValue)}`;
  return `${place} ${message ?? "is not valid"}`;
}
