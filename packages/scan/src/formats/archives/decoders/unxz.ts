import { ReadableStream } from "node:stream/web";
import xzDecompress from "xz-decompress"; // CommonJS: without named exports
import { ScanError } from "../../../errors.ts";
import { chunks, type Source } from "../../../sources/source.ts";

const CHUNK_BYTES = 64 * 1024;

/** Unpacks xz, chunk by chunk. Throws MALFORMED. */
export async function* unxz(source: Source): AsyncGenerator<Uint8Array> {
  const parts = chunks(source, CHUNK_BYTES);
  const packed = new ReadableStream<Uint8Array>({
    pull(controller) {
      const { done, value } = parts.next();
      if (done) controller.close();
      else controller.enqueue(new Uint8Array(value));
    },
  });
  const reader = (new xzDecompress.XzReadableStream(packed) as ReadableStream<Uint8Array>).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value.slice();
    }
  } catch (cause) {
    const said = cause instanceof TypeError ? "damaged data" : cause instanceof Error ? cause.message : cause;
    throw new ScanError("MALFORMED", `xz: ${said}`, { cause });
  } finally {
    await reader.cancel().catch(() => {});
  }
}
