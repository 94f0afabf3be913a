import { Ajv, type ErrorObject } from "ajv";
import type { TSchema } from "typebox";

/** What keeps a value from meeting a schema, the deepest and so most telling place first; undefined if it meets it. */
export function violationOf(schema: TSchema, value: unknown): string | undefined {
  const check = new Ajv({ allErrors: true, allowUnionTypes: true, strictRequired: false }).compile(schema);
  if (check(value)) return undefined;
  const deepest = [...(check.errors ?? [])].sort((a, b) => depth(b) - depth(a))[0];
  return deepest === undefined ? "does not meet its schema" : sentence(deepest);
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
