import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { prepareFolder, writeFileWhole } from "../src/write-file.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "casemate-write-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test("a file is replaced whole and leaves nothing beside it", async () => {
  const path = join(folder, "a.txt");
  await writeFileWhole(path, "old");
  await writeFileWhole(path, "new");
  expect(await readFile(path, "utf8")).toBe("new");
  expect(await readdir(folder)).toEqual(["a.txt"]);
});

test("where a folder is in the way, nothing is left behind", async () => {
  await mkdir(join(folder, "a.txt"));
  await writeFile(join(folder, "a.txt", "inside"), "");
  await expect(writeFileWhole(join(folder, "a.txt"), "new")).rejects.toThrow(/cannot write .*a\.txt/);
  expect(await readdir(folder)).toEqual(["a.txt"]);
});

test("a folder that cannot be made is refused before any work", async () => {
  await writeFile(join(folder, "file"), "");
  await expect(prepareFolder(join(folder, "file", "below"))).rejects.toMatchObject({ code: "OUTPUT_NOT_WRITABLE" });
});

test("a folder is made with those above it", async () => {
  await prepareFolder(join(folder, "a", "b"));
  expect(await readdir(join(folder, "a", "b"))).toEqual([]);
});

test.runIf(process.platform === "linux")("a file system that makes no folders is refused, not waited for", async () => {
  await expect(prepareFolder("/proc/casemate")).rejects.toMatchObject({ code: "OUTPUT_NOT_WRITABLE" });
});
