import { RegistryError } from "../../errors.ts";
import { type Entity, type Grammar, identifierOf } from "./filter.ts";

/** One thing that a list is ordered by. */
export interface Ordering {
  readonly entity: Entity;
  readonly key: string;
  readonly ascending: boolean;
}

const MAXIMUM_ORDERINGS = 10;

/** Reads `key`, `key ASC` and `key DESC`; a key is as in a filter. Throws INVALID. */
export function parseOrderBy(texts: readonly string[], grammar: Grammar): readonly Ordering[] {
  if (texts.length > MAXIMUM_ORDERINGS)
    throw new RegistryError("INVALID", `order_by: expected at most ${MAXIMUM_ORDERINGS} clauses, got ${texts.length}`);
  const orderings = texts.map((text): Ordering => {
    const [, name, direction = "ASC"] = CLAUSE.exec(text) ?? [];
    if (name === undefined || text.length > 1000)
      throw new RegistryError(
        "INVALID",
        `Invalid order_by clause ${JSON.stringify(text.slice(0, 100))}. Could not be parsed.`,
      );
    return { ...identifierOf(name, grammar), ascending: direction.toUpperCase() === "ASC" };
  });
  const names = orderings.map(({ entity, key }) => `${entity}.${key}`);
  if (new Set(names).size < names.length)
    throw new RegistryError("INVALID", `\`order_by\` contains duplicate fields: ${names.join(", ")}`);
  return orderings;
}

const CLAUSE =
  /^\s*((?:[\p{L}_][\p{L}\p{M}\p{N}_]*|`[^`]*`)(?:\.(?:[\p{L}\p{M}\p{N}_./-]+|`[^`]*`|"[^"]*"))?)(?:\s+(asc|desc))?\s*$/iu;
