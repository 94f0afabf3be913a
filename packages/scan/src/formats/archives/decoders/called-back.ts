import { ScanError } from "../../../errors.ts";
import { chunks, type Source } from "../../../sources/source.ts";

const CHUNK_BYTES = 16 * 1024;
const PENDING_BYTES = 256 * 2 ** 20;

/** A decoder that calls back with what it has unpacked. */
export interface CallingDecoder {
  push(chunk: Uint8Array, isLast: boolean): void;
}

/** What such a decoder makes of a source, in order. Throws MALFORMED, and BOMB where one small chunk becomes too much. */
export async function* calledBack(
  what: string,
  source: Source,
  create: (emit: (part: Uint8Array) => void) => CallingDecoder,
): AsyncGenerator<Uint8Array> {
  let pending: Uint8Array[] = [];
  let bytes = 0;
  const decoder = create((part) => {
    bytes += part.length;
    if (bytes > PENDING_BYTES) {
      throw new ScanError("BOMB", `${what}: ${CHUNK_BYTES} bytes become more than ${PENDING_BYTES}`);
    }
    pending.push(part);
  });
  let done = 0;
  for (const chunk of chunks(source, CHUNK_BYTES)) {
    done += chunk.length;
    try {
      decoder.push(new Uint8Array(chunk), done === source.size);
    } catch (cause) {
      if (cause instanceof ScanError) throw cause;
      yield* pending; // what came before the fault is worth a look
      const said = cause instanceof TypeError || cause instanceof RangeError ? "damaged data" : cause;
      throw new ScanError("MALFORMED", `${what}: ${said instanceof Error ? said.message : said}`, { cause });
    }
    yield* pending;
    pending = [];
    bytes = 0;
  }
}
