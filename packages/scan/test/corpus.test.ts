import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { defaultLimits } from "../src/limits.ts";
import { scanSource } from "../src/scan-source.ts";
import { memorySource } from "../src/sources/memory-source.ts";
import { verdictOf } from "../src/verdict.ts";
import { benign, malicious } from "./corpus/index.ts";

const scratch = mkdtempSync(join(tmpdir(), "scan-corpus-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

async function verdictFor(bytes: Uint8Array) {
  const { findings } = await scanSource(memorySource("", bytes), defaultLimits, scratch);
  return { verdict: verdictOf(findings.map(({ rule }) => rule.severity)), rules: findings.map(({ rule }) => rule.id) };
}

test.each(malicious)("$name is not clean: $technique", async ({ bytes }) => {
  const { verdict, rules } = await verdictFor(bytes());
  expect(verdict, rules.join()).not.toBe("clean");
});

test("at least 99 % of what is malicious is found to be malicious or suspicious", async () => {
  const verdicts = await Promise.all(
    malicious.map(async ({ name, bytes }) => ({ name, ...(await verdictFor(bytes())) })),
  );
  const missed = verdicts.filter(({ verdict }) => verdict !== "malicious" && verdict !== "suspicious");
  expect(missed.length / malicious.length, JSON.stringify(missed)).toBeLessThanOrEqual(0.01);
});

test.each(benign)("$name by $technique is not malicious", async ({ bytes }) => {
  const { verdict, rules } = await verdictFor(bytes());
  expect(["clean", "suspicious"], rules.join()).toContain(verdict);
});

test("at most two benign files are suspicious", async () => {
  const verdicts = await Promise.all(benign.map(async ({ name, bytes }) => ({ name, ...(await verdictFor(bytes())) })));
  expect(verdicts.filter(({ verdict }) => verdict !== "clean").length).toBeLessThanOrEqual(2);
});

test("there are at least 150 malicious and 60 benign files, each with a name of its own", () => {
  const names = [...malicious, ...benign].map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(malicious.length).toBeGreaterThanOrEqual(150);
  expect(benign.length).toBeGreaterThanOrEqual(60);
});
