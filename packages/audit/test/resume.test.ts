import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { FinishedCheck } from "../src/checks/check.ts";
import { CheckStore } from "../src/resume.ts";

const finished: FinishedCheck = {
  result: {
    id: "fgsm",
    title: "FGSM",
    kind: "attack",
    status: "completed",
    citation: { text: "", url: "" },
    taxonomy: { owasp: [], atlas: [], nist: [] },
    parameters: {},
    seconds: 1.5,
    queries: { forward: 2, backward: 1 },
    metrics: [],
    warnings: [],
  },
  samples: { index: [0, 3], status: ["broken", "robust"], prediction: [4, 1], distance: [0.1, null] },
};

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "casemate-resume-"));
});
afterEach(() => rm(folder, { recursive: true }));

test("a saved check is loaded by a run that resumes, and by no other", async () => {
  const checks = join(folder, "checks");
  const first = await CheckStore.open(checks, { seed: 1 }, false);
  await first.save("model", finished);
  expect(await first.load("model", "fgsm")).toBeUndefined();
  const second = await CheckStore.open(checks, { seed: 1 }, true);
  expect(await second.load("model", "fgsm")).toEqual(finished);
  expect(await second.load("model", "pgd")).toBeUndefined();
  const third = await CheckStore.open(checks, { seed: 1 }, false);
  await third.save("other", finished);
  expect((await readdir(checks)).sort()).toEqual(["other", "run.json"]);
});

test("a run with other settings is not resumed", async () => {
  await CheckStore.open(folder, { seed: 1, profile: "quick" }, false);
  await expect(CheckStore.open(folder, { seed: 2, profile: "quick" }, true)).rejects.toThrow(
    "cannot resume: seed was 1, is 2",
  );
});

test("where nothing is, nothing is resumed", async () => {
  await expect(CheckStore.open(join(folder, "none"), {}, true)).rejects.toThrow("nothing to resume");
});

test("a damaged check is named", async () => {
  await CheckStore.open(folder, {}, false);
  const store = await CheckStore.open(folder, {}, true);
  await store.save("model", finished);
  await writeFile(join(folder, "model", "fgsm.json"), "{");
  await expect(store.load("model", "fgsm")).rejects.toThrow(/fgsm\.json is damaged/);
});
