import { describe, expect, test } from "vitest";
import { Machine } from "../../src/formats/pickle/machine.ts";
import { memorySource } from "../../src/sources/memory-source.ts";
import { callOf, p } from "../corpus/pickle-writer.ts";

function told(bytes: Uint8Array): readonly string[] {
  const found: string[] = [];
  const machine = new Machine(memorySource("", bytes), { report: (_rule, evidence) => void found.push(evidence) });
  machine.run(0);
  return found;
}

test("a call is told with its arguments", () => {
  expect(told(callOf("os", "system"))).toEqual(["imports os.system", 'calls os.system("id")']);
});

test("calls within calls are told as a tree", () => {
  const bytes = p.raw(
    ...[
      p.proto(2),
      p.global("builtins", "getattr"),
      p.global("builtins", "__import__"),
      p.unicode("os"),
      p.tuple1,
      p.reduce,
    ],
    ...[p.unicode("system"), p.tuple2, p.reduce, p.unicode("id"), p.tuple1, p.reduce, p.stop],
  );
  const tree = 'builtins.getattr(builtins.__import__("os"), "system")';
  expect(told(bytes)).toEqual(expect.arrayContaining([`calls ${tree}`, `calls ${tree}("id")`]));
});

test("names are judged by what they are, in whatever form they are written", () => {
  for (const [module, name] of [
    [p.short("os"), p.short("system")],
    [p.unicode8("os"), p.binString("system")],
    [p.line("\\u006fs"), p.quoted("syst\\x65m")],
  ]) {
    expect(told(p.raw(p.proto(4), module!, name!, p.stackGlobal, p.stop))).toEqual(["imports os.system"]);
  }
});

test("harmless names are not told", () => {
  expect(told(p.raw(p.proto(2), p.global("collections", "OrderedDict"), p.emptyTuple, p.reduce, p.stop))).toEqual([]);
});

describe("what a loader refuses is refused", () => {
  test.each([
    ["an opcode that does not exist", p.raw(p.proto(2), 0xff), /byte 2: expected an opcode, got 0xff/],
    ["an end without STOP", p.raw(p.proto(2), p.none), /the data breaks off/],
    [
      "an argument beyond the end",
      p.raw(p.proto(2), 0x58, 0xff, 0xff, 0, 0),
      /byte 2: its argument goes beyond the end/,
    ],
    ["a memo entry that was never written", p.raw(p.proto(2), p.get(9), p.stop), /memo entry 9 was never written/],
    ["a pop too many", p.raw(p.proto(2), p.pop, p.stop), /POP on an empty stack/],
    ["a mark that is not there", p.raw(p.proto(2), p.tuple, p.stop), /expected a mark/],
    [
      "values below the last mark",
      p.raw(p.proto(2), p.none, p.mark, p.tuple1, p.stop),
      /expected 1 values on the stack, got 0/,
    ],
    ["STOP on an empty stack", p.raw(p.proto(2), p.stop), /STOP on an empty stack/],
  ])("%s", (_, bytes, message) => {
    expect(() => told(bytes)).toThrow(message);
  });
});

test("a tuple that doubles itself is told before anything hashes it", () => {
  const double = Array.from({ length: 40 }, (_, depth) =>
    p.raw(p.get(depth), p.get(depth), p.tuple2, p.put(depth + 1), p.pop),
  );
  const bytes = p.raw(p.proto(2), p.emptyTuple, p.put(0), p.pop, ...double, p.get(40), p.stop);
  expect(told(bytes)).toContain("a tuple that becomes more than 4 billion values");
});
