import { createHash } from "node:crypto";

/** A piece of a stream, and its SHA-256. */
export interface Part {
  readonly bytes: Buffer;
  readonly sha256: string;
}

/** Cuts a stream into pieces of one size, the last one of what is left; `seen` is told of every byte once. An empty stream is one empty piece. */
export async function* partsOf(
  content: AsyncIterable<Uint8Array>,
  size: number,
  seen: (bytes: Uint8Array) => void,
): AsyncGenerator<Part> {
  let chunks: Uint8Array[] = [];
  let length = 0;
  let hash = createHash("sha256");
  let isFirst = true;
  const take = (): Part => {
    const part = { bytes: Buffer.concat(chunks, length), sha256: hash.digest("hex") };
    [chunks, length, hash, isFirst] = [[], 0, createHash("sha256"), false];
    return part;
  };
  for await (const chunk of content) {
    for (let offset = 0; offset < chunk.length; ) {
      const piece = chunk.subarray(offset, offset + size - length);
      seen(piece);
      hash.update(piece);
      chunks.push(piece);
      length += piece.length;
      offset += piece.length;
      if (length === size) yield take();
    }
  }
  if (length > 0 || isFirst) yield take();
}
