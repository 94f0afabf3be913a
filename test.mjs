// Sets up, checks types, style and unused exports, and runs every test. Arguments go to vitest; `--soak` runs the long tests.
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { requirePostgres, run, setUp, tool } from "./set-up.mjs";

const args = process.argv.slice(2);
const isSoak = args.includes("--soak");

let passed = 0;
let failed = 1; // whatever ends this early, such as a build that fails, counts as one
process.on("exit", () => console.log(`${passed} passed, ${failed} failed`));

setUp();
requirePostgres();
const node = process.execPath;
const checks = isSoak
  ? []
  : [
      ["Biome", [tool("@biomejs/biome", "bin/biome"), "ci", "--error-on-warnings", "."]],
      ["Unused exports", [tool("knip", "bin/knip.js")]],
    ];
const failedChecks = checks.filter(([title, command]) => {
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
  for (const [title] of failedChecks) {
    console.error(`failed: ${title}`);
  }
  const counted = existsSync(results) ? count(JSON.parse(readFileSync(results, "utf8"))) : { passed: 0, failed: 0 };
  passed = counted.passed;
  failed = Math.max(counted.failed, code === 0 ? 0 : 1) + failedChecks.length;
  process.exitCode = failed === 0 ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** What vitest counted, and one failure for each file that fails without a failed test, such as one that does not load. */
function count({ numPassedTests, numFailedTests, testResults }) {
  const broken = testResults.filter(
    ({ status, assertionResults }) =>
      status === "failed" && assertionResults.every((assertion) => assertion.status !== "failed"),
  );
  return { passed: numPassedTests, failed: numFailedTests + broken.length };
}
