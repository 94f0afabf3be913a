import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { casemate, root } from "./casemate.ts";

const folder = mkdtempSync(join(tmpdir(), "casemate-readme-"));
beforeAll(() => {
  try {
    symlinkSync(join(root, "examples"), join(folder, "examples"));
  } catch {
    cpSync(join(root, "examples"), join(folder, "examples"), { recursive: true }); // Windows asks for a privilege to link
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const documents = ["README.md", "packages/casemate/README.md", "packages/audit/README.md"]
  .concat(readdirSync(join(root, "docs/guide")).map((name) => `docs/guide/${name}`))
  .concat(["examples/digits/README.md", "examples/iris/README.md", "examples/signs/README.md"]);

const commands = documents.flatMap((path) => {
  const blocks = readFileSync(join(root, path), "utf8").matchAll(/^```sh\n(.*?)^```/gms);
  const lines = [...blocks].flatMap(([, block]) => block!.split("\n"));
  return lines
    .filter((line) => /^(npx )?casemate /.test(line))
    .map((line) => {
      const [command = "", code] = line.split("# exit code ");
      return { path, command: command.trim(), code: Number(code ?? 0) };
    });
});

test.each(commands)("$path: $command", async ({ command, code }) => {
  const args = command.replace(/^(npx )?casemate /, "").split(/\s+/);
  const ended = await casemate(args, { cwd: folder });
  expect(ended.code, ended.stderr).toBe(code);
});

test("there are commands to run", () => {
  expect(commands.length).toBeGreaterThan(5);
});
