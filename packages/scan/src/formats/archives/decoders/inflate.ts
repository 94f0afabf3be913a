import { Readable } from "node:stream";
import { createGunzip, createInflate, createInflateRaw, type Gunzip, type Inflate } from "node:zlib";
import { ScanError } from "../../../errors.ts";
import { chunks, type Source } from "../../../sources/source.ts";

const CHUNK_BYTES = 64 * 1024;

/** How deflated data is wrapped: not at all (zip), by zlib, or by gzip. */
export type Wrapping = "raw" | "zlib" | "gzip";

/**
 * Inflates a source chunk by chunk (RFC 1950, 1951, 1952). `onEnd` is told how many of its bytes belong to the stream. Throws
 * MALFORMED where it breaks off or is damaged, after what could be had.
 */
export async function* inflate(
  source: Source,
  wrapping: Wrapping,
  onEnd = (_used: number): void => {},
): AsyncGenerator<Uint8Array> {
  const decoder = create(wrapping);
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

function create(wrapping: Wrapping): Inflate | Gunzip {
  if (wrapping === "gzip") return createGunzip({ chunkSize: CHUNK_BYTES });
  return wrapping === "zlib" ? createInflate({ chunkSize: CHUNK_BYTES }) : createInflateRaw({ chunkSize: CHUNK_BYTES });
}

/** Chunks that stay as they are while they wait. */
function* copies(source: Source): Generator<Uint8Array> {
  for (const part of chunks(source, CHUNK_BYTES)) yield Buffer.from(part);
}
