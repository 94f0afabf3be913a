import { ScanError } from "../errors.ts";
import type { Limits } from "../limits.ts";
import type { Source } from "./source.ts";

/** The whole of a source as UTF-8, without its byte-order mark. Throws LIMIT_EXCEEDED, and MALFORMED if it is not UTF-8. */
export function readText(source: Source, { textBytes }: Pick<Limits, "textBytes">): string {
  if (source.size > textBytes) {
    throw new ScanError("LIMIT_EXCEEDED", `a text of ${source.size} bytes: expected at most ${textBytes}`);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(source.read(0, source.size));
  } catch (cause) {
    throw new ScanError("MALFORMED", "a text: expected UTF-8", { cause });
  }
}
