import { createHash, randomUUID } from "node:crypto";
import { Readable } from "node:stream";
import { checkName, checkRange, isPrefix } from "../blob-names.ts";
import type { BlobEntry, Blobs } from "../blobs.ts";
import { StoreError } from "../errors.ts";
import { openBucket, reasonOf, unreachable } from "./bucket.ts";
import { elements, textOf } from "./elements.ts";
import { inParts } from "./in-parts.ts";
import { clearIncoming, pages } from "./pages.ts";
import { type Part, partsOf } from "./parts.ts";
import type { S3Location } from "./s3-location.ts";

const SMALLEST_PART = 5 * 2 ** 20;
const MOST_PARTS = 10_000;
/** What a service of S3's protocol does at most. */
export interface S3Limits {
  /** Bytes that it copies in one request, or in one part of several. */
  readonly largestCopy?: number;
  /** Keys in one answer. */
  readonly longestList?: number;
}

/**
 * Blobs as objects `<folder>/<prefix>/<sha256>`. What fits into one part is put at once; more goes up in parts, under `incoming` where its
 * digest is not known before, and is copied to its place within the service. Throws UNREACHABLE, FULL, and INVALID_OPTION for what
 * is no bucket.
 */
export async function openS3Blobs(
  location: S3Location,
  now: number,
  { largestCopy = 5 * 2 ** 30, longestList = 1000 }: S3Limits = {},
): Promise<Blobs> {
  const { folder, partSize } = checked(location);
  const bucket = openBucket(location);
  const keyOf = (prefix: string, sha256: string): string => {
    checkName(prefix, sha256);
    return `${folder}${prefix}/${sha256}`;
  };

  async function sizeOf(key: string): Promise<number | undefined> {
    const response = await bucket.ask("HEAD", key, { allowed: [404] });
    if (response.status === 404) return undefined;
    const size = response.headers.get("content-length");
    if (size === null) throw unreachable(`no size is told of ${key}`);
    return Number(size);
  }

  async function stat(prefix: string, sha256: string): Promise<BlobEntry | undefined> {
    const size = await sizeOf(keyOf(prefix, sha256));
    return size === undefined ? undefined : { sha256, size };
  }

  async function copyKey(from: string, to: string, size: number): Promise<void> {
    const source = { "x-amz-copy-source": `/${location.bucket}/${from}` };
    if (size <= largestCopy) {
      await bucket.text("PUT", to, { headers: source });
      return;
    }
    await inParts(bucket, to, async function* (upload) {
      for (let start = 0, number = 1; start < size; start += largestCopy, number++) {
        const range = `bytes=${start}-${Math.min(start + largestCopy, size) - 1}`;
        const copied = await bucket.text("PUT", to, {
          query: { partNumber: String(number), uploadId: upload },
          headers: { ...source, "x-amz-copy-source-range": range },
        });
        yield textOf(copied, "ETag") ?? "";
      }
    });
  }

  const blobs: Blobs = {
    put: async (prefix, content, { sha256: expected } = {}) => {
      checkName(prefix, expected ?? "0".repeat(64));
      const hash = createHash("sha256");
      let size = 0;
      const parts = partsOf(content, partSize, (bytes) => {
        hash.update(bytes);
        size += bytes.length;
      });
      const entry = (): BlobEntry => {
        const sha256 = hash.copy().digest("hex");
        if (expected !== undefined && expected !== sha256)
          throw new StoreError(
            "DIGEST_MISMATCH",
            `expected content with SHA-256 ${expected}, got ${sha256} (${size} bytes)`,
          );
        return { sha256, size };
      };
      const first = (await parts.next()).value as Part;
      const second = await parts.next();
      if (second.done === true) {
        const whole = entry();
        if ((await stat(prefix, whole.sha256))?.size !== size)
          await bucket.text("PUT", keyOf(prefix, whole.sha256), { body: first.bytes, sha256: whole.sha256 });
        return whole;
      }
      if (expected !== undefined && (await stat(prefix, expected)) !== undefined) {
        while ((await parts.next()).done !== true); // is there, and yet must be what it is said to be
        return entry();
      }
      const key = expected === undefined ? `${folder}incoming/${randomUUID()}` : keyOf(prefix, expected);
      await inParts(bucket, key, async function* (upload) {
        let number = 0;
        const send = async ({ bytes, sha256 }: Part): Promise<string> => {
          if (++number > MOST_PARTS)
            throw new StoreError("INVALID_OPTION", `partSize: expected more than ${partSize} bytes for such a file`);
          const query = { partNumber: String(number), uploadId: upload };
          return (await bucket.ask("PUT", key, { query, body: bytes, sha256 })).headers.get("etag") ?? "";
        };
        yield await send(first);
        yield await send(second.value);
        for await (const part of parts) yield await send(part);
        entry(); // what it must not be is never completed
      });
      const whole = entry();
      if (expected !== undefined) return whole;
      try {
        const place = keyOf(prefix, whole.sha256);
        if ((await sizeOf(place)) !== size) await copyKey(key, place, size);
      } finally {
        await bucket.ask("DELETE", key, { allowed: [404] });
      }
      return whole;
    },
    get: async (prefix, sha256, { start = 0, end } = {}) => {
      checkRange(start, end);
      const key = keyOf(prefix, sha256);
      const isEmpty = end !== undefined && end <= start;
      const isWhole = start === 0 && end === undefined;
      const headers: Record<string, string> =
        isWhole || isEmpty ? {} : { range: `bytes=${start}-${end === undefined ? "" : end - 1}` };
      const response = await bucket.ask(isEmpty ? "HEAD" : "GET", key, { headers, allowed: [404, 416] });
      if (response.status === 404) throw missing(prefix, sha256);
      if (isEmpty || response.status === 416) {
        await response.body?.cancel();
        return Readable.from([]);
      }
      if (!isWhole && response.status !== 206) {
        await response.body?.cancel();
        throw unreachable(`asked for a part of ${key}, it sends all of it`);
      }
      return Readable.from(bytesOf(response), { objectMode: false });
    },
    stat,
    copy: async (from, to, sha256) => {
      const found = await stat(from, sha256);
      if (found === undefined) throw missing(from, sha256);
      if (from !== to && (await stat(to, sha256))?.size !== found.size)
        await copyKey(keyOf(from, sha256), keyOf(to, sha256), found.size);
    },
    remove: async (prefix, sha256) => {
      await bucket.ask("DELETE", keyOf(prefix, sha256), { allowed: [404] });
    },
    async *prefixes() {
      for await (const page of pages(bucket, { prefix: folder, delimiter: "/", "max-keys": String(longestList) }))
        for (const each of elements(page, "CommonPrefixes")) {
          const name = (textOf(each, "Prefix") ?? "").slice(folder.length, -1);
          if (isPrefix(name)) yield name;
        }
    },
    async *list(prefix) {
      const start = keyOf(prefix, "0".repeat(64)).slice(0, -64);
      for await (const page of pages(bucket, { prefix: start, "max-keys": String(longestList) }))
        for (const each of elements(page, "Contents")) {
          const sha256 = (textOf(each, "Key") ?? "").slice(start.length);
          if (/^[0-9a-f]{64}$/.test(sha256)) yield { sha256, size: Number(textOf(each, "Size")) };
        }
    },
  };
  await clearIncoming(bucket, `${folder}incoming/`, now); // the first request: tells of a bucket that is not there, or not ours
  return blobs;
}

function checked({ endpoint, bucket, folder = "", partSize = 32 * 2 ** 20 }: S3Location) {
  if (!/^https?:$/.test(URL.canParse(endpoint) ? new URL(endpoint).protocol : ""))
    throw new StoreError(
      "INVALID_OPTION",
      `endpoint: expected an address of http or https, got ${JSON.stringify(endpoint)}`,
    );
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket))
    throw new StoreError("INVALID_OPTION", `bucket: expected the name of a bucket, got ${JSON.stringify(bucket)}`);
  if (!/^(?:[A-Za-z0-9_-]+(?:\/[A-Za-z0-9_-]+)*)?$/.test(folder))
    throw new StoreError("INVALID_OPTION", `folder: expected names between slashes, got ${JSON.stringify(folder)}`);
  if (!(Number.isSafeInteger(partSize) && partSize >= SMALLEST_PART))
    throw new StoreError("INVALID_OPTION", `partSize: expected at least ${SMALLEST_PART} bytes, got ${partSize}`);
  return { folder: folder === "" ? "" : `${folder}/`, partSize };
}

async function* bytesOf(response: Response): AsyncGenerator<Uint8Array> {
  try {
    yield* response.body ?? [];
  } catch (cause) {
    throw unreachable(reasonOf(cause), cause);
  }
}

function missing(prefix: string, sha256: string): StoreError {
  return new StoreError("NOT_FOUND", `there is no blob ${sha256} under ${prefix}`);
}
