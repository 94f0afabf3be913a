import { defineConfig } from "vitest/config";
import config from "./vitest.config.ts";

// The long tests: the same fuzzing as in CI with many more cases, and what needs more memory or disk than CI has.
export default defineConfig({
  ...config,
  test: {
    ...config.test,
    include: ["packages/*/test/fuzz/**/*.test.ts", "packages/*/test/**/*.soak.ts"],
    testTimeout: 3_600_000,
    env: { CASEMATE_FUZZ_CASES: "100000" },
  },
});
