import type { Readable } from "node:stream";

/** The name and size of a blob: its content's SHA-256 in hex, and its bytes. */
export interface BlobEntry {
  readonly sha256: string;
  readonly size: number;
}

/**
 * Content by its SHA-256. A blob is there whole or not at all, and never changes. `prefix` parts what must not share a
 * place, such as environments: lower-case letters, digits and hyphens.
 */
export interface Blobs {
  /** Stores a stream; `sha256` is what it must be (DIGEST_MISMATCH, nothing stored). Storing what is there already is cheap and right. */
  put(prefix: string, content: AsyncIterable<Uint8Array>, options?: { readonly sha256?: string }): Promise<BlobEntry>;
  /** The bytes from `start` (inclusive) to `end` (exclusive); all by default. Throws NOT_FOUND before the first byte. */
  get(prefix: string, sha256: string, range?: { readonly start?: number; readonly end?: number }): Promise<Readable>;
  /** The entry, or undefined where there is none. */
  stat(prefix: string, sha256: string): Promise<BlobEntry | undefined>;
  /** Copies within the home, by content; throws NOT_FOUND. */
  copy(fromPrefix: string, toPrefix: string, sha256: string): Promise<void>;
  /** Gone afterwards, whether it was there or not. */
  remove(prefix: string, sha256: string): Promise<void>;
  list(prefix: string): AsyncIterable<BlobEntry>;
  /** All prefixes that there are blobs under. */
  prefixes(): AsyncIterable<string>;
}
