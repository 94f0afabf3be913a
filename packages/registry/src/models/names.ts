import { RegistryError } from "../errors.ts";

/** Letters and digits of any script, and of signs only those that mean nothing in a URL, a path or a filter. */
const NAME = /^[\p{L}\p{N}][\p{L}\p{M}\p{N} ._-]{0,199}$/u;

/** Aliases as MLflow has them, but not what could be taken for a version. */
const ALIAS = /^[A-Za-z0-9_-]{1,255}$/;
const RESERVED_ALIAS = /^(latest|v\d+)$/i;

/** A name as it is kept: in NFC. Throws INVALID. */
export function nameOf(what: string, given: string): string {
  const name = given.normalize("NFC");
  if (!NAME.test(name) || name.endsWith(" ") || name.includes(".."))
    throw new RegistryError(
      "INVALID",
      `${what}: expected up to 200 letters, digits, spaces, ".", "_" and "-", beginning with a letter or digit and without "..", got ${quote(given)}`,
    );
  return name;
}

/** What makes two names the same: "Café" and "CAFE\u0301". Compatibility forms and case are folded (Unicode, NFKC and toCaseFold). */
export function keyOf(name: string): string {
  return name.normalize("NFKC").toUpperCase().toLowerCase().normalize("NFKC");
}

/** Throws INVALID for what cannot be an alias. */
export function checkAlias(alias: string): void {
  if (!ALIAS.test(alias) || RESERVED_ALIAS.test(alias))
    throw new RegistryError(
      "INVALID",
      `alias: expected up to 255 of A-Z, a-z, 0-9, "_" and "-", and neither "latest" nor v1, v2 …, got ${quote(alias)}`,
    );
}

function quote(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}
