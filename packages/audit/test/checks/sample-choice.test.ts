import { expect, test } from "vitest";
import { chooseSamples } from "../../src/checks/sample-choice.ts";

test("a choice is in order, without repeats, and the same for the same seed", () => {
  const chosen = chooseSamples(500, 100, 7);
  expect(chosen).toHaveLength(100);
  expect(new Set(chosen).size).toBe(100);
  expect([...chosen].sort((a, b) => a - b)).toEqual(chosen);
  expect(chosen.every((index) => index >= 0 && index < 500)).toBe(true);
  expect(chooseSamples(500, 100, 7)).toEqual(chosen);
  expect(chooseSamples(500, 100, 8)).not.toEqual(chosen);
});

test("every sample is as likely: over many seeds each is chosen about as often", () => {
  const counts = new Array<number>(20).fill(0);
  for (let seed = 0; seed < 2000; seed++) for (const index of chooseSamples(20, 5, seed)) counts[index]!++;
  // 500 expected, standard deviation of a count √(2000 · 0.25 · 0.75) = 19.4; 5 of them
  for (const count of counts) expect(Math.abs(count - 500)).toBeLessThan(97);
});

test("all are chosen where there are no more", () => {
  expect(chooseSamples(3, 10, 0)).toEqual([0, 1, 2]);
});
