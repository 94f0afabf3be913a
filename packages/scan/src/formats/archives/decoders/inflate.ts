import { Readable } from "node:stream";
import { createInflate, createInflateRaw } from "node:zlib";
import { ScanError } from "../../../errors.ts";
import { chunks, type Source } from "../../../sources/source.ts";

const CHUNK_BYTES = 64 * 1024;

/** How deflated data is wrapped: not at all (zip, gzip), or by zlib. */
type Wrapping = "raw" | "zlib";

/**
 * Inflates a source chunk by chunk (RFC 1950, 1951). `onEnd` is told how many of its bytes belong to the stream. Throws
 * MALFORMED where it breaks off or is damaged, after what could be had.
 */
export async function* inflate(
  source: Source,
  wrapping: Wrapping,
  onEnd = (_used: number): void => {},
): AsyncGenerator<Uint8Array> {
  const decoder = (wrapping === "zlib" ? createInflate : createInflateRaw)({ chunkSize: CHUNK_BYTES });
  const input = Readable.from(copies(source), { objectMode: false });
  input.on("error", (error) => decoder.destroy(error));
  input.pipe(decoder);
  try {
    for await (const part of decoder) yield part;
    onEnd(decoder.bytesWritten);
  } catch (cause) {
    if (cause instanceof ScanError) throw cause;
    throw new ScanError("MALFORMED", `deflated data: ${cause instanceof Error ? cause.message : cause}`, { cause });
  } finally {
    input.destroy();
    decoder.destroy();
  }
}

/** Chunks that stay as they are while they wait. */
function* copies(source: Source): Generator<Uint8Array> {
  for (const part of chunks(source, CHUNK_BYTES)) yield Buffer.from(part);
}
