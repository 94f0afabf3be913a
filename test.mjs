// Sets up, checks types, style and unused exports, and runs every test. Arguments go to vitest; `--soak` runs the long tests.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run, setUp, tool } from "./set-up.mjs";

const args = process.argv.slice(2);
const isSoak = args.includes("--soak");

setUp();
const node = process.execPath;
const checks = isSoak
  ? []
  : [
      ["Biome", [tool("@biomejs/biome", "bin/biome"), "ci", "--error-on-warnings", "."]],
      ["Unused exports", [tool("knip", "bin/knip.js")]],
    ];
const failed = checks.filter(([title, command]) => {
  console.error(`${title} …`);
  return run(node, command) !== 0;
});

const folder = mkdtempSync(join(tmpdir(), "casemate-test-"));
try {
  const results = join(folder, "results.json");
  const config = isSoak ? ["--config", "vitest.soak.config.ts"] : [];
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${results}`];
  const code = run(node, [
    tool("vitest", "vitest.mjs"),
    "run",
    ...config,
    ...reporters,
    ...args.filter((argument) => argument !== "--soak"),
  ]);
  for (const [title] of failed) {
    console.error(`failed: ${title}`);
  }
  const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(results, "utf8"));
  console.log(`${numPassedTests} passed, ${numFailedTests + failed.length} failed`);
  process.exitCode = code === 0 && failed.length === 0 ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
