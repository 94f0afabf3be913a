import { createHash } from "node:crypto";
import { chunks, type Source } from "./source.ts";

/** SHA-256 of a source, as hexadecimal digits. */
export function digestOf(source: Source): string {
  const hash = createHash("sha256");
  for (const chunk of chunks(source)) hash.update(chunk);
  return hash.digest("hex");
}
