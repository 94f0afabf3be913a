import type { Classifier } from "@casemate/attacks";
import { tensor } from "@casemate/tensor";
import { expect, test } from "vitest";
import { certifyPartitions, disagreement, partition, partitionCertificate, voting } from "../../src/index.ts";
import { blobs } from "../training/blobs.ts";

/** Says the same of every sample. */
function saying(logits: readonly number[], inputShape = [2]): Classifier {
  return {
    inputShape,
    classes: logits.length,
    bounds: { lower: 0, upper: 1 },
    logits: async (x) =>
      tensor(
        [x.shape[0]!, logits.length],
        Float32Array.from({ length: x.shape[0]! * logits.length }, (_, i) => logits[i % logits.length]!),
      ),
  };
}

const one = tensor([1, 2]);

test("votes are counted, and a tie goes to the smaller class", async () => {
  const scores = await voting([saying([0, 1, 0]), saying([0, 9, 0]), saying([0, 0, 3]), saying([0, 0, 1])]).logits(one);
  expect([...scores.data]).toEqual([0, 0.5, 0.5]);
});

test("members that say the same do not disagree; two that are sure of different classes do by ln 2", async () => {
  expect((await disagreement([saying([1, 2]), saying([1, 2])], one))[0]).toBeCloseTo(0, 6);
  expect((await disagreement([saying([90, 0]), saying([0, 90])], one))[0]).toBeCloseTo(Math.LN2, 6);
  const [p, q] = [1 / (1 + Math.exp(-1)), 0.5]; // logits 1, 0 and 0, 0
  const h = (a: number) => -a * Math.log(a) - (1 - a) * Math.log(1 - a);
  const expected = h((p + q) / 2) - (h(p) + h(q)) / 2;
  expect((await disagreement([saying([1, 0]), saying([0, 0])], one))[0]).toBeCloseTo(expected, 6);
});

test.each([
  ["no members", () => voting([]), "voting: expected at least one model, got none"],
  ["other classes", () => voting([saying([0, 1]), saying([0, 1, 2])]), "got one of [2] and 3 classes"],
])("%s are refused", (_, make, message) => {
  expect(make).toThrow(message);
});

test("a sample's part depends on its own numbers only, and parts keep an order of their own", () => {
  const data = blobs(60, 3);
  const parts = partition(data, 7, 1);
  expect(parts.reduce((sum, { labels }) => sum + labels.length, 0)).toBe(60);
  const order = Array.from({ length: 60 }, (_, i) => 59 - i);
  const reversed = {
    x: tensor([60, 2], Float32Array.from(order.flatMap((i) => [...data.x.data.subarray(2 * i, 2 * i + 2)]))),
    labels: Int32Array.from(order, (i) => data.labels[i]!),
  };
  expect(partition(reversed, 7, 1)).toEqual(parts);
  const less = { x: tensor([59, 2], data.x.data.slice(2)), labels: data.labels.slice(1) };
  const changed = partition(less, 7, 1).filter((part, i) => part.labels.length !== parts[i]!.labels.length);
  expect(changed).toHaveLength(1);
  expect(() => partition(data, 0, 1)).toThrow("expected a whole number of parts from 1, got 0");
});

test("no way of changing as many votes as are tolerated changes the class, and one more does", () => {
  const winner = (votes: readonly number[]) => votes.indexOf(Math.max(...votes));
  /** Whether moving up to `budget` single votes anywhere can change the class. */
  const canChange = (votes: readonly number[], budget: number, from: number): boolean =>
    winner(votes) !== from ||
    (budget > 0 &&
      votes.some(
        (count, a) =>
          count > 0 &&
          votes.some(
            (_, b) =>
              a !== b &&
              canChange(
                votes.map((v, k) => v - Number(k === a) + Number(k === b)),
                budget - 1,
                from,
              ),
          ),
      ));
  for (let a = 0; a <= 6; a++) {
    for (let b = 0; b <= 6 - a; b++) {
      const votes = [a, b, 6 - a - b];
      const { class: chosen, tolerated } = partitionCertificate(votes);
      expect(chosen).toBe(winner(votes));
      expect(canChange(votes, tolerated, chosen), `${votes}`).toBe(false);
      expect(canChange(votes, tolerated + 1, chosen), `${votes}`).toBe(true);
    }
  }
});

test("models of parts vote on each sample", async () => {
  const [certificate] = await certifyPartitions([saying([0, 1]), saying([0, 1]), saying([0, 1]), saying([1, 0])], one);
  expect(certificate).toEqual({ class: 1, votes: [1, 3], tolerated: 0 }); // the smaller class wins a tie of 2 and 2
});
