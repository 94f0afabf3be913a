import { parseJson } from "@casemate/evidence";
import { RegistryError } from "../errors.ts";

/** The value of a body; undefined of an empty one. Throws INVALID for what is no JSON, is nested too deep, or holds text that no store keeps as it is. */
export function readJson(bytes: Buffer): unknown {
  if (bytes.length === 0) return undefined;
  const value = parsed(bytes);
  if (bytes.includes("\\u") && MAYBE_UNKEEPABLE.test(bytes.toString("latin1"))) requireKeepable("body", value);
  return value;
}

/** Throws INVALID where a text holds NUL, at which SQLite would cut it off and which PostgreSQL refuses, or half of a surrogate pair. */
export function requireKeepable(where: string, value: unknown): void {
  if (typeof value === "string") {
    if (UNKEEPABLE.test(value))
      throw new RegistryError(
        "INVALID",
        `${where}: expected text without NUL and without half of a surrogate pair, got ${JSON.stringify(value.slice(0, 100))}`,
      );
  } else if (typeof value === "object" && value !== null) {
    for (const [key, each] of Object.entries(value)) {
      requireKeepable(`${where}: a name`, key);
      requireKeepable(`${where}/${key.slice(0, 100)}`, each);
    }
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: it is what is looked for
const UNKEEPABLE = /\u0000|\p{Surrogate}/u;
/** JSON can hold either only by an escape. */
const MAYBE_UNKEEPABLE = /\\u(?:0000|d[89a-f])/i;

function parsed(bytes: Buffer): unknown {
  try {
    return parseJson(bytes, "the body");
  } catch (cause) {
    throw new RegistryError("INVALID", cause instanceof Error ? cause.message : String(cause), { cause });
  }
}
