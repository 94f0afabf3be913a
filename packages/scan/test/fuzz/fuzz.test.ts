import { expect, test } from "vitest";
import { fuzz } from "./fuzz.ts";

// 20,000, and in the soak a million
const INPUTS = Number(process.env.CASEMATE_FUZZ_CASES ?? 2000) * 10;

test(`${INPUTS} damaged files crash, hang and exhaust nothing`, { timeout: 3 * 3_600_000 }, async () => {
  const { inputs } = await fuzz(INPUTS, 1);
  expect(inputs).toBe(INPUTS);
});
