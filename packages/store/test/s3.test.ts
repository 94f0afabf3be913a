import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openStore, type S3Location } from "../src/index.ts";
import { elements, textOf } from "../src/s3/elements.ts";
import { partsOf } from "../src/s3/parts.ts";
import { openS3Blobs } from "../src/s3/s3-blobs.ts";
import { allOf, contentOf, streamOf } from "./content.ts";
import { migrations, type Tables } from "./counters.ts";
import { createDatabase } from "./homes.ts";
import { type S3Server, startS3 } from "./s3-server.ts";

const MEBIBYTE = 2 ** 20;
let server: S3Server;

beforeAll(async () => {
  server = await startS3();
});

afterAll(async () => {
  await server.close();
});

const open = (folder: string, changes: Partial<S3Location> = {}) =>
  openS3Blobs({ ...server.location, folder, partSize: 5 * MEBIBYTE, ...changes }, 0, {
    largestCopy: 6 * MEBIBYTE,
    longestList: 10,
  });

describe("a blob of several parts", () => {
  // 16 MiB whose pieces differ, in chunks that fit no part
  const pattern = Buffer.from(Uint32Array.from({ length: 4099 }, (_, index) => index * 2654435761).buffer);
  const content = Buffer.alloc(16 * MEBIBYTE, pattern);
  const sha256 = createHash("sha256").update(content).digest("hex");
  async function* chunks() {
    for (let start = 0; start < content.length; start += 700_001) yield content.subarray(start, start + 700_001);
  }

  test.each([{}, { sha256 }])("goes up, is copied in parts, and comes back, by %j", async (options) => {
    const blobs = await open(`large-${Object.keys(options).length}`);
    expect(await blobs.put("test", chunks(), options)).toEqual({ sha256, size: content.length });
    expect(await blobs.put("test", chunks(), options)).toEqual({ sha256, size: content.length });
    await blobs.copy("test", "other", sha256);
    expect((await contentOf(await blobs.get("other", sha256))).equals(content)).toBe(true);
    const range = { start: 5 * MEBIBYTE - 1, end: 10 * MEBIBYTE + 1 };
    expect(
      (await contentOf(await blobs.get("test", sha256, range))).equals(content.subarray(range.start, range.end)),
    ).toBe(true);
    expect(await allOf(blobs.prefixes())).toEqual(["other", "test"]);
  });

  test("that is not what it must be leaves nothing, also where that is there already", async () => {
    const blobs = await open("mismatch");
    const other = createHash("sha256").update("other").digest("hex");
    await expect(blobs.put("test", chunks(), { sha256: other })).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
    expect(await allOf(blobs.list("test"))).toEqual([]);
    await blobs.put("test", streamOf(Buffer.from("other")));
    await expect(blobs.put("test", chunks(), { sha256: other })).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
    expect(await allOf(blobs.list("test"))).toEqual([{ sha256: other, size: 5 }]);
  });
});

test("more blobs than one answer lists are all listed", async () => {
  const blobs = await open("many");
  const put = async (index: number) => (await blobs.put("test", streamOf(Buffer.from(String(index))))).sha256;
  const names = await Promise.all(Array.from({ length: 31 }, (_, index) => put(index)));
  expect((await allOf(blobs.list("test"))).map(({ sha256 }) => sha256)).toEqual(names.sort());
});

test("what a crash left under incoming is thrown away a day later", async () => {
  const { endpoint, bucket, accessKeyId, secretAccessKey, region } = server.location;
  const { AwsClient } = await import("aws4fetch");
  const client = new AwsClient({ accessKeyId, secretAccessKey, region, service: "s3" });
  const url = `${endpoint}/${bucket}/crashed/incoming/half`;
  await client.fetch(url, { method: "PUT", body: "half" });
  await openS3Blobs({ ...server.location, folder: "crashed" }, Date.now() + 1000);
  expect((await client.fetch(url)).status).toBe(200);
  await openS3Blobs({ ...server.location, folder: "crashed" }, Date.now() + 25 * 60 * 60 * 1000);
  expect((await client.fetch(url)).status).toBe(404);
});

test.each([
  [{ secretAccessKey: "wrong" }, "UNREACHABLE", /403 SignatureDoesNotMatch/],
  [{ accessKeyId: "STRANGER" }, "UNREACHABLE", /403 InvalidAccessKeyId/],
  [{ bucket: "other" }, "UNREACHABLE", /404 NoSuchBucket/],
  [{ bucket: "a/b" }, "INVALID_OPTION", /^bucket: expected/],
  [{ endpoint: "file:///etc" }, "INVALID_OPTION", /^endpoint: expected/],
  [{ folder: "../other" }, "INVALID_OPTION", /^folder: expected/],
  [{ partSize: 1000 }, "INVALID_OPTION", /^partSize: expected at least 5242880/],
])("a bucket by %j is refused when it is opened", async (changes, code, message) => {
  await expect(open("refused", changes)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
});

test("a service that is gone is a clear error, and its return needs nothing", async () => {
  const blobs = await open("gone");
  const { sha256 } = await blobs.put("test", streamOf(Buffer.from("before")));
  await server.kill();
  await expect(blobs.put("test", streamOf(Buffer.from("during")))).rejects.toMatchObject({
    code: "UNREACHABLE",
    message: expect.stringContaining("ECONNREFUSED"),
  });
  await expect(blobs.get("test", sha256)).rejects.toMatchObject({ code: "UNREACHABLE" });
  await server.start();
  expect((await contentOf(await blobs.get("test", sha256))).toString()).toBe("before");
});

test("a store has its rows on PostgreSQL and its blobs in a bucket", async () => {
  const location = { postgres: await createDatabase(), blobs: { s3: { ...server.location, folder: "store" } } };
  const store = await openStore<Tables>(location, migrations);
  const { sha256 } = await store.blobs.put("test", streamOf(Buffer.from("x")));
  await store.write(async (rows) => {
    await rows.insertInto("counters").values({ name: sha256, value: 1 }).execute();
  });
  await store.close();
  const again = await openStore<Tables>(location, migrations);
  const { name } = await again.rows.selectFrom("counters").selectAll().executeTakeFirstOrThrow();
  expect((await contentOf(await again.blobs.get("test", name))).toString()).toBe("x");
  await again.close();
});

describe("a service that answers what it should not", () => {
  const answering = async (
    answer: { status: number; body?: string; breaks?: boolean },
    work: (url: string) => Promise<void>,
  ) => {
    let requests = 0;
    const lying = createServer((request, response) => {
      if (requests++ === 0) return response.end("<ListBucketResult></ListBucketResult>"); // to be opened
      request.resume();
      if (request.method === "HEAD") return response.writeHead(404).end();
      if (answer.breaks === true) response.setHeader("content-length", 1000);
      response.statusCode = answer.status;
      response.write(answer.body ?? "");
      if (answer.breaks === true) setImmediate(() => response.destroy());
      else response.end();
    });
    await new Promise<void>((resolve) => lying.listen(0, "127.0.0.1", resolve));
    try {
      await work(`http://127.0.0.1:${(lying.address() as AddressInfo).port}`);
    } finally {
      lying.closeAllConnections();
      lying.close();
    }
  };
  const digest = "0".repeat(64);

  test("says of a failure only in what it answers with 200", async () => {
    await answering({ status: 200, body: "<Error><Code>InternalError</Code></Error>" }, async (endpoint) => {
      const blobs = await open("lies", { endpoint });
      await expect(blobs.put("a", streamOf(Buffer.from("x")))).rejects.toMatchObject({
        code: "UNREACHABLE",
        message: expect.stringContaining("InternalError"),
      });
    });
  });

  test("is full", async () => {
    await answering({ status: 507, body: "<Error><Code>XMinioStorageFull</Code></Error>" }, async (endpoint) => {
      const blobs = await open("lies", { endpoint });
      await expect(blobs.list("a")[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: "FULL" });
    });
  });

  test("leads elsewhere, or sends all of what a part was asked of", async () => {
    for (const [status, message] of [
      [307, /307/],
      [200, /sends all of it/],
    ] as const)
      await answering({ status }, async (endpoint) => {
        const blobs = await open("lies", { endpoint });
        await expect(blobs.get("a", digest, { start: 1 })).rejects.toMatchObject({
          code: "UNREACHABLE",
          message: expect.stringMatching(message),
        });
      });
  });

  test("breaks off in the middle of a blob", async () => {
    await answering({ status: 200, body: "half", breaks: true }, async (endpoint) => {
      const blobs = await open("lies", { endpoint });
      await expect(contentOf(await blobs.get("a", digest))).rejects.toMatchObject({ code: "UNREACHABLE" });
    });
  });
});

const runs = { numRuns: Number(process.env.CASEMATE_FUZZ_CASES ?? 2000) };

test("texts between tags come back with their entities resolved, whatever they are", () => {
  const escaped = (text: string) =>
    text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&#62;").replaceAll('"', "&#x22;");
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "binary" })), (texts) => {
      const xml = texts.map((text) => `<Contents><Key>${escaped(text)}</Key></Contents>`).join("\n");
      expect(elements(xml, "Contents").map((each) => textOf(each, "Key"))).toEqual(texts);
    }),
    runs,
  );
});

test("no answer, however broken, is more than a list of texts", () => {
  const piece = fc.oneof(fc.constantFrom("<Key>", "</Key>", "&#x", "&#99999999;", "&#1114112;", "&", ";"), fc.string());
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      const xml = pieces.join("");
      for (const text of elements(xml, "Key")) expect(xml).toContain(text);
      expect(typeof (textOf(xml, "Key") ?? "")).toBe("string");
    }),
    runs,
  );
});

test("a stream is cut into parts of one size, in order, each with its digest", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ maxLength: 20 })),
      fc.integer({ min: 1, max: 30 }),
      async (pieces, size) => {
        const seen: Uint8Array[] = [];
        const parts = await allOf(partsOf(streamOf(...pieces), size, (bytes) => seen.push(bytes)));
        const whole = Buffer.concat(pieces);
        expect(Buffer.concat(parts.map(({ bytes }) => bytes)).equals(whole)).toBe(true);
        expect(Buffer.concat(seen).equals(whole)).toBe(true);
        expect(parts.length).toBe(Math.max(1, Math.ceil(whole.length / size)));
        for (const { bytes, sha256 } of parts) expect(createHash("sha256").update(bytes).digest("hex")).toBe(sha256);
        for (const { bytes } of parts.slice(0, -1)) expect(bytes.length).toBe(size);
      },
    ),
  );
});
