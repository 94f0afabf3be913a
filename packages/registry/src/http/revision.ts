import { RegistryError } from "../errors.ts";
import type { Call } from "./route.ts";

/** The revision that If-Match asks for, if it does. Throws INVALID for anything but an ETag of ours. */
export function revisionIn(headers: Call["headers"]): number | undefined {
  const value = headers["if-match"];
  if (value === undefined || value === "*") return undefined;
  const [, revision] = /^"(\d{1,15})"$/.exec(String(value)) ?? [];
  if (revision === undefined)
    throw new RegistryError("INVALID", `If-Match: expected an ETag such as "3", got ${JSON.stringify(value)}`);
  return Number(revision);
}
