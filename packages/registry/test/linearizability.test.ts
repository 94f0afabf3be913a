import { expect, test } from "vitest";
import { type Operation, violationOf } from "./linearizability.ts";

const write = (value: number, start: number, end: number): Operation => ({ type: "write", value, start, end });
const read = (value: number, start: number, end: number): Operation => ({ type: "read", value, start, end });

test.each<[string, Operation[], string | undefined]>([
  ["reads that follow writes", [write(1, 0, 1), read(1, 2, 3), write(2, 4, 5), read(2, 6, 7)], undefined],
  ["a read of either value during a write", [write(1, 0, 1), write(2, 2, 9), read(1, 3, 4), read(2, 5, 6)], undefined],
  ["overlapping writes in either order", [write(1, 0, 5), write(2, 1, 6), read(1, 7, 8)], undefined],
  [
    "a stale read",
    [write(1, 0, 1), write(2, 2, 3), read(1, 4, 5)],
    "2 was written and overwritten while 1 was current",
  ],
  ["a read that goes back", [write(1, 0, 1), write(2, 2, 3), read(2, 4, 7), read(1, 5, 6)], "were each current"],
  ["a read from the future", [read(1, 0, 1), write(1, 2, 3)], "1 was read before it was written"],
  ["a value out of nowhere", [read(5, 0, 1)], "5 was written 0 times"],
  [
    "the first value after another was written",
    [write(1, 0, 1), read(0, 2, 3)],
    "was written and overwritten while 0 was current",
  ],
])("%s", (_, history, expected) => {
  if (expected === undefined) expect(violationOf(history, 0)).toBeUndefined();
  else expect(violationOf(history, 0)).toContain(expected);
});
