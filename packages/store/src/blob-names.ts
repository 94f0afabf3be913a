import { StoreError } from "./errors.ts";

/** Throws INVALID_OPTION for what is not a prefix and a SHA-256: neither can leave its folder. */
export function checkName(prefix: string, sha256: string): void {
  if (!isPrefix(prefix))
    throw new StoreError(
      "INVALID_OPTION",
      `prefix: expected lower-case letters, digits and hyphens, got ${JSON.stringify(prefix)}`,
    );
  if (!/^[0-9a-f]{64}$/.test(sha256))
    throw new StoreError(
      "INVALID_OPTION",
      `sha256: expected 64 lower-case hexadecimal digits, got ${JSON.stringify(sha256)}`,
    );
}

/** Throws INVALID_OPTION for what is not a place in a blob. */
export function checkRange(start: number, end: number | undefined): void {
  for (const [name, value] of Object.entries({ start, end }))
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= 0))
      throw new StoreError("INVALID_OPTION", `${name}: expected a whole number of bytes, got ${value}`);
}

export function isPrefix(name: string): boolean {
  return /^[a-z0-9](?:[a-z0-9-]{0,98}[a-z0-9])?$/.test(name) && name !== "incoming";
}
