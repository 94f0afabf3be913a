/** A stream of these pieces. */
export async function* streamOf(...pieces: readonly Uint8Array[]): AsyncIterable<Uint8Array> {
  yield* pieces;
}

export async function contentOf(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await allOf(stream));
}

export async function allOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
