import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { afterAll, expect, test, vi } from "vitest";

const root = join(import.meta.dirname, "..");
const folder = mkdtempSync(join(import.meta.dirname, ".documents-")); // inside the project, so that packages resolve
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const documents = [
  "README.md",
  ...["docs", "packages", "examples", "bench"].flatMap((name) =>
    readdirSync(join(root, name), { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".md") && !path.includes("node_modules"))
      .map((path) => join(name, path)),
  ),
];
const blocks = documents.flatMap((path) => {
  const found = readFileSync(join(root, path), "utf8").matchAll(/^```ts\n(.*?)^```/gms);
  return [...found].map((match, index) => ({ path, block: `block ${index + 1}`, code: match[1]! }));
});

test.each(blocks)("$block of $path runs", async ({ path, block, code }) => {
  const file = join(folder, `${path.replaceAll(/[^a-zA-Z0-9]+/g, "-")}-${block.replace(" ", "-")}.ts`);
  writeFileSync(file, code);
  const log = vi.spyOn(console, "log").mockImplementation(() => {}); // the reader's console, not the test's
  try {
    await import(file);
  } finally {
    log.mockRestore();
  }
});

test("links between documents lead somewhere", () => {
  const broken = documents.flatMap((path) => {
    const text = readFileSync(join(root, path), "utf8");
    const links = [...text.matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)].map((match) => match[1]!);
    return links
      .map((link) => join(root, path, "..", link))
      .filter((target) => !existsSync(target))
      .map((target) => `${path} → ${relative(root, target)}`);
  });
  expect(broken).toEqual([]);
});
