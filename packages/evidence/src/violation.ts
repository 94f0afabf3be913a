import type { TSchema } from "typebox";
import Value from "typebox/value";
import { EvidenceError } from "./errors.ts";

/** Throws MALFORMED with the deepest, and so most telling, place where a value does not meet its schema. */
export function assertMeets(schema: TSchema, value: unknown, where: string): void {
  if (Value.Check(schema, value)) return;
  const errors = Value.Errors(schema, value).filter(({ keyword }) => keyword !== "anyOf" && keyword !== "boolean");
  const depth = (path: string): number => path.split("/").length;
  const worst = errors.toSorted((a, b) => depth(b.instancePath) - depth(a.instancePath))[0];
  const place = worst === undefined || worst.instancePath === "" ? "the top level" : worst.instancePath;
  throw new EvidenceError(
    "MALFORMED",
    `${where}: ${place} ${worst?.message ?? "is not as expected"}${detailOf(worst?.params)}`,
  );
}

function detailOf(params: object | undefined): string {
  const { additionalProperties, allowedValue, allowedValues } = (params ?? {}) as {
    additionalProperties?: readonly string[];
    allowedValue?: unknown;
    allowedValues?: readonly unknown[];
  };
  if (additionalProperties !== undefined) return `: ${additionalProperties.slice(0, 5).join(", ")}`;
  if (allowedValue !== undefined) return `: ${JSON.stringify(allowedValue)}`;
  return allowedValues === undefined ? "" : `: ${allowedValues.join(", ")}`;
}
