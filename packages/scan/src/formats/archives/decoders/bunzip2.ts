import unbzip2Stream from "unbzip2-stream";
import type { Source } from "../../../sources/source.ts";
import { calledBack } from "./called-back.ts";

/** Unpacks bzip2, chunk by chunk, several streams in a row too. */
export function bunzip2(source: Source): AsyncGenerator<Uint8Array> {
  return calledBack("bzip2", source, (emit) => {
    const stream = unbzip2Stream();
    let fault: unknown;
    stream.on("data", emit);
    stream.on("error", (error: unknown) => {
      fault ??= error;
    });
    return {
      push(chunk, isLast) {
        stream.write(Buffer.from(chunk));
        if (isLast && fault === undefined) stream.end();
        if (fault !== undefined) throw fault;
      },
    };
  });
}
