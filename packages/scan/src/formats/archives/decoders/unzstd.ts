import { Decompress } from "fzstd";
import type { Source } from "../../../sources/source.ts";
import { calledBack } from "./called-back.ts";

/** Unpacks Zstandard (RFC 8878), chunk by chunk. */
export function unzstd(source: Source): AsyncGenerator<Uint8Array> {
  return calledBack("zstd", source, (emit) => new Decompress((part) => emit(part.slice())));
}
