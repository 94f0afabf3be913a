import { ScanError } from "../../errors.ts";
import type { Format, ScanContext } from "../../format.ts";
import { type Source, slice } from "../../sources/source.ts";
import { arrayBytesAfter } from "./joblib-array.ts";
import { Machine, type MachineEvents } from "./machine.ts";
import { pickleRules } from "./rules.ts";

/** The number that begins a PyTorch file of before 1.6: 0x1950a86a20f9469cfc6c, least byte first. */
const TORCH_MAGIC = Buffer.from("6cfc9c46f9206aa85019", "hex");
const PICKLES_AT_MOST = 100_000;

/** Python pickles of all protocols, several in a row too, as PyTorch wrote them before 1.6 and joblib does between arrays. */
export const pickle: Format = {
  id: "pickle",
  title: "Python pickle",
  rules: pickleRules,
  detect,
  scan,
};

/** By the protocol's opcode; without it, if a run reaches an import, or a STOP that ends the file. */
function detect(head: Uint8Array, source: Source): boolean {
  if (head[0] === 0x80) return head[1]! >= 2 && head[1]! <= 5 && head.length > 2 && head[2] !== 0; // no opcode; a length, in safetensors
  if (head.length < 2 || !FIRST.has(head[0]!)) return false;
  const machine = new Machine(source, { report() {} });
  try {
    const end = machine.run(0);
    return machine.imports > 0 || (end > 1 && isBlank(source, end));
  } catch {
    return machine.imports > 0;
  }
}

/** Opcodes with which a pickle of protocol 0 or 1 can begin; an object that is kept elsewhere is none, since no plain loader takes it. */
const FIRST = new Set([...Buffer.from("(c}])IJKLMNFGSTUVXi"), 0x82, 0x83, 0x84, 0x88, 0x89, 0x8a, 0x8c, 0x8f]);

function isBlank(source: Source, from: number): boolean {
  return source.size - from < 16 && Buffer.from(source.read(from, 16)).toString("latin1").trim() === "";
}

async function scan(source: Source, context: ScanContext): Promise<void> {
  const machine = new Machine(source, eventsOf(source, context));
  let isTorch = false;
  let at = 0;
  try {
    for (let count = 0; at < source.size; count++) {
      if (count > PICKLES_AT_MOST)
        throw new ScanError("LIMIT_EXCEEDED", `more than ${PICKLES_AT_MOST} pickles in a row`);
      const callsBefore = machine.imports;
      const end = machine.run(at);
      if (count === 0) {
        isTorch = machine.lastLong !== undefined && TORCH_MAGIC.equals(machine.lastLong);
        if (!isTorch && machine.imports > callsBefore && end < 200 && startsPickle(source, end))
          reportMagic(context, end);
      }
      at = end;
      if (at >= source.size || (isTorch && count >= 4) || !startsPickle(source, at)) break;
    }
    reportTrailing(source, at, isTorch, context);
  } finally {
    for (const { offset, bytes } of machine.embedded) {
      const entry = source.entry === "" ? `(bytes at ${offset})` : `${source.entry}!(bytes at ${offset})`;
      await context.inside(slice(source, entry, offset, bytes), true);
    }
  }
}

/** A first pickle of a few bytes that calls something, with more behind it: the place of PyTorch's magic number. */
function reportMagic(context: ScanContext, end: number): void {
  context.report(pickleRules["magic-by-call"], `the first of several pickles, of ${end} bytes, calls something`, {
    offset: 0,
  });
}

function startsPickle(source: Source, at: number): boolean {
  const [first, second] = source.read(at, 2);
  if (first === 0x80) return second !== undefined && second >= 2 && second <= 5;
  return detect(new Uint8Array(source.read(at, 4096)), slice(source, source.entry, at, source.size - at));
}

function reportTrailing(source: Source, end: number, isTorch: boolean, context: ScanContext): void {
  if (isTorch || end >= source.size || isBlank(source, end)) return; // the storages of tensors follow
  context.report(pickleRules.trailing, `${source.size - end} bytes behind the last pickle`, { offset: end });
}

/** Reports each thing once for each place it is about; joblib's arrays are stepped over. */
function eventsOf(source: Source, context: ScanContext): MachineEvents {
  const counts = new Map<string, number>();
  return {
    report(rule, evidence, offset, part) {
      const key = `${rule.id} ${evidence}`;
      const count = (counts.get(key) ?? 0) + 1;
      if (counts.size < 10_000) counts.set(key, count);
      if (count === 1) context.report(rule, evidence, { offset, part });
    },
    built: (full, state, next, recall) =>
      full === "joblib.numpy_pickle.NumpyArrayWrapper" ? arrayBytesAfter(source, state, next, recall, context) : 0,
  };
}
