import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: { conditions: ["@casemate/source"] },
  ssr: { resolve: { conditions: ["@casemate/source"] } },
  test: {
    include: ["packages/*/test/**/*.test.ts", "test/**/*.test.ts"],
    globalSetup: ["packages/store/test/run-servers.ts"],
    pool: "forks", // onnxruntime takes the process with it when a worker thread ends during a run
    testTimeout: 60_000,
  },
});
