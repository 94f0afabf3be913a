import { createHash } from "node:crypto";
import { mkdtemp, readdir, rm, truncate, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Blobs } from "../src/blobs.ts";
import { clearIncoming, openFileBlobs } from "../src/files/file-blobs.ts";
import { verifyBlob } from "../src/index.ts";
import { openS3Blobs } from "../src/s3/s3-blobs.ts";
import { allOf, contentOf, streamOf } from "./content.ts";
import { type S3Server, startS3 } from "./s3-server.ts";

let server: S3Server;
let folder: string;
let blobs: Blobs;
let tests = 0;

beforeAll(async () => {
  server = await startS3();
});

afterAll(async () => {
  await server.close();
});

describe.each(["files", "s3"])("%s", (home) => {
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "casemate-blobs-"));
    blobs =
      home === "files"
        ? openFileBlobs(folder)
        : await openS3Blobs({ ...server.location, folder: `test/${tests++}` }, 0);
  });

  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  const content = Buffer.from("weights");
  const sha256 = createHash("sha256").update(content).digest("hex");

  test("a blob is stored once, whoever stores it at the same time, copied, listed and removed", async () => {
    const puts = Array.from({ length: 10 }, (_, index) =>
      blobs.put("development", streamOf(content), index % 2 === 0 ? { sha256 } : {}),
    );
    expect(await Promise.all(puts)).toEqual(Array.from({ length: 10 }, () => ({ sha256, size: 7 })));
    await blobs.copy("development", "production", sha256);
    await blobs.copy("development", "production", sha256);
    expect(await allOf(blobs.prefixes())).toEqual(["development", "production"]);
    await blobs.remove("development", sha256);
    await blobs.remove("development", sha256);
    expect(await blobs.stat("development", sha256)).toBeUndefined();
    expect(await allOf(blobs.list("development"))).toEqual([]);
    expect(await allOf(blobs.list("production"))).toEqual([{ sha256, size: 7 }]);
    expect(await verifyBlob(blobs, "production", sha256)).toEqual({ sha256, size: 7 });
  });

  test.each([
    [{}, "weights"],
    [{ start: 1, end: 4 }, "eig"],
    [{ start: 5 }, "ts"],
    [{ end: 2 }, "we"],
    [{ start: 5, end: 100 }, "ts"],
    [{ start: 7 }, ""],
    [{ start: 100 }, ""],
    [{ start: 3, end: 3 }, ""],
    [{ end: 0 }, ""],
  ])("the range %j of a blob is %j", async (range, expected) => {
    await blobs.put("test", streamOf(content));
    expect((await contentOf(await blobs.get("test", sha256, range))).toString()).toBe(expected);
  });

  test.each([{ start: -1 }, { start: 0.5 }, { end: Number.NaN }])("the range %j is refused", async (range) => {
    await blobs.put("test", streamOf(content));
    await expect(blobs.get("test", sha256, range)).rejects.toMatchObject({ code: "INVALID_OPTION" });
  });

  test("an empty blob is one", async () => {
    const empty = await blobs.put("test", streamOf());
    expect(empty).toEqual({ sha256: createHash("sha256").digest("hex"), size: 0 });
    expect(await contentOf(await blobs.get("test", empty.sha256))).toEqual(Buffer.alloc(0));
  });

  test("what is not there is not found, before the first byte", async () => {
    for (const range of [{}, { start: 2 }, { end: 0 }])
      await expect(blobs.get("test", sha256, range)).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(blobs.copy("test", "other", sha256)).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(verifyBlob(blobs, "test", sha256)).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test("content that is not what it must be, or ends in an error, leaves nothing", async () => {
    await expect(blobs.put("test", streamOf(content), { sha256: "0".repeat(64) })).rejects.toMatchObject({
      code: "DIGEST_MISMATCH",
      message: `expected content with SHA-256 ${"0".repeat(64)}, got ${sha256} (7 bytes)`,
    });
    async function* broken() {
      yield content;
      throw new Error("the client is gone");
    }
    await expect(blobs.put("test", broken())).rejects.toThrow("the client is gone");
    expect(await allOf(blobs.list("test"))).toEqual([]);
  });

  test.each(["../production", "a/b", "", "A", ".", "incoming", "a".repeat(101)])(
    "the prefix %j is refused",
    async (prefix) => {
      await expect(blobs.put(prefix, streamOf(content))).rejects.toThrow("prefix: expected");
      await expect(blobs.get(prefix, sha256)).rejects.toThrow("prefix: expected");
      await expect(allOf(blobs.list(prefix))).rejects.toThrow("prefix: expected");
    },
  );

  test.each(["../../etc/passwd", sha256.toUpperCase(), sha256.slice(1), `${sha256}\n`])(
    "the digest %j is refused",
    async (name) => {
      await expect(blobs.get("test", name)).rejects.toThrow("sha256: expected");
      await expect(blobs.remove("test", name)).rejects.toThrow("sha256: expected");
      await expect(blobs.copy("test", "other", name)).rejects.toThrow("sha256: expected");
    },
  );
});

describe("files", () => {
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "casemate-blobs-"));
    blobs = openFileBlobs(folder);
  });

  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  test("a blob that was damaged on the disk is found out, and stored again where its size tells", async () => {
    const { sha256 } = await blobs.put("test", streamOf(Buffer.from("weights")));
    const place = join(folder, "test", sha256.slice(0, 2), sha256);
    await writeFile(place, "weightz");
    await expect(verifyBlob(blobs, "test", sha256)).rejects.toMatchObject({ code: "CORRUPT" });
    await truncate(place, 3);
    await blobs.put("test", streamOf(Buffer.from("weights")));
    expect(await verifyBlob(blobs, "test", sha256)).toEqual({ sha256, size: 7 });
  });

  test("what a crash left half-written is thrown away a day later", async () => {
    await blobs.put("test", streamOf(Buffer.from("weights")));
    await writeFile(join(folder, "incoming", "old"), "half");
    await writeFile(join(folder, "incoming", "new"), "half");
    await utimes(join(folder, "incoming", "old"), 1000, 1000);
    await utimes(join(folder, "incoming", "new"), 80_000, 80_000);
    await clearIncoming(folder, 90_000_000);
    expect(await readdir(join(folder, "incoming"))).toEqual(["new"]);
  });
});
