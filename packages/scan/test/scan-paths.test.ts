import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { scanPaths } from "../dist/index.js"; // built: the process that parses is a file of its own

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "scan-paths-"));
  mkdirSync(join(folder, "model", "inner"), { recursive: true });
  writeFileSync(join(folder, "model", "README.md"), "# A model\n");
  writeFileSync(join(folder, "model", "inner", "noise"), Uint8Array.of(0, 1, 2, 3, 255));
  symlinkSync("/etc", join(folder, "model", "etc"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function scanned(...paths: string[]) {
  const events = scanPaths(paths, { jobs: 1 });
  for (;;) {
    const { done, value } = await events.next();
    if (done) return value;
  }
}

test("a folder is walked, and each file has its digest, its format and its verdict", async () => {
  const { files, verdict, counts } = await scanned(join(folder, "model"));
  const byName = Object.fromEntries(files.map((file) => [file.path.slice(folder.length + 7), file]));
  expect(byName["README.md"]).toMatchObject({
    verdict: "clean",
    formats: ["text"],
    sha256: "67b246868db005aea6ffa0bb4653fd0875593c78c178bb6bd6e778e5108595a7", // of "# A model\n", by sha256sum
  });
  expect(byName["inner/noise"]).toMatchObject({ verdict: "unscannable", findings: [{ rule: "file/unknown" }] });
  expect(byName.etc).toMatchObject({ verdict: "suspicious", findings: [{ rule: "folder/link-out" }] });
  expect(verdict).toBe("unscannable");
  expect(counts).toEqual({ clean: 1, suspicious: 1, unscannable: 1, malicious: 0 });
});

test("a path that is not there is the caller's error", async () => {
  await expect(scanned(join(folder, "absent"))).rejects.toMatchObject({ code: "UNREADABLE" });
});
