import type { ScanContext } from "../../format.ts";
import { type Source, slice } from "../../sources/source.ts";
import { Machine } from "./machine.ts";
import { OP } from "./opcodes.ts";
import { pickleRules } from "./rules.ts";

/**
 * How many bytes of numbers follow the state of joblib's NumpyArrayWrapper (joblib, numpy_pickle.py): an array's own, in its shape
 * and type, after a byte of padding length if the state has an alignment. Arrays of objects are a pickle of their own there.
 * Where the state cannot be told, nothing is stepped over, and the bytes are read as opcodes.
 */
export function arrayBytesAfter(
  source: Source,
  state: number,
  next: number,
  recall: (index: number) => string | undefined,
  context: ScanContext,
): number {
  const described = stateOf(source, state, next, recall);
  if (described.isObject) {
    const rest = slice(source, source.entry, next, source.size - next);
    const machine = new Machine(rest, {
      report: (rule, evidence, offset, part) => context.report(rule, evidence, { offset: next + offset, part }),
    });
    return machine.run(0);
  }
  if (described.itemBytes === undefined || described.shape === undefined) return 0;
  const bytes = described.shape.reduce((product, length) => product * length, described.itemBytes);
  const padding = described.isAligned ? 1 + (source.read(next, 1)[0] ?? 0) : 0;
  if (!(bytes >= 0 && next + padding + bytes <= source.size)) {
    context.report(pickleRules.trailing, `an array of ${bytes} bytes, of which ${source.size - next} are there`, {
      offset: next,
    });
    return 0;
  }
  return padding + bytes;
}

interface ArrayState {
  readonly shape: readonly number[] | undefined;
  readonly itemBytes: number | undefined;
  readonly isObject: boolean;
  readonly isAligned: boolean;
}

const LONGEST_STATE = 4096;

/** Reads the few opcodes of such a state for what they say: the key "shape" with a tuple, a type such as "f8", an alignment. */
function stateOf(
  source: Source,
  start: number,
  end: number,
  recall: (index: number) => string | undefined,
): ArrayState {
  const bytes = Buffer.from(source.read(start, Math.min(end - start, LONGEST_STATE)));
  let shape: number[] | undefined;
  let integers: number[] = [];
  let itemBytes: number | undefined;
  let isObject = false;
  let isAligned = false;
  let key = "";
  for (let at = 0; at < bytes.length; ) {
    const opcode = bytes[at]!;
    const { text = recalled(bytes, at, recall), next } = textAt(bytes, at);
    if (text !== undefined) {
      const [, kind, width] = /^[<>|=]?([a-zA-Z])(\d*)$/.exec(text) ?? [];
      if (text === "numpy_array_alignment_bytes") isAligned = true;
      if (text === "shape" || text === "dtype" || text === "order" || text.includes("_")) key = text;
      else if (key === "dtype" && kind !== undefined && itemBytes === undefined) {
        isObject = kind === "O";
        itemBytes = Number(width) * (kind === "U" ? 4 : 1);
      }
      integers = [];
    } else if (opcode === OP.BININT1) integers.push(bytes[at + 1]!);
    else if (opcode === OP.BININT2 && at + 3 <= bytes.length) integers.push(bytes.readUInt16LE(at + 1));
    else if (opcode === OP.BININT && at + 5 <= bytes.length) integers.push(bytes.readInt32LE(at + 1));
    else if (opcode === OP.LONG1) integers.push(longAt(bytes, at));
    else if (opcode === OP.EMPTY_TUPLE && key === "shape") shape ??= [];
    else if (key === "shape" && (opcode === OP.TUPLE || (opcode >= OP.TUPLE1 && opcode <= OP.TUPLE3)))
      shape ??= integers;
    at = next;
  }
  return { shape, itemBytes, isObject, isAligned };
}

function recalled(bytes: Buffer, at: number, recall: (index: number) => string | undefined): string | undefined {
  if (bytes[at] === OP.BINGET && at + 2 <= bytes.length) return recall(bytes[at + 1]!);
  if (bytes[at] === OP.LONG_BINGET && at + 5 <= bytes.length) return recall(bytes.readUInt32LE(at + 1));
  return undefined;
}

function longAt(bytes: Buffer, at: number): number {
  const length = bytes[at + 1] ?? 0;
  let value = 0;
  for (let each = length - 1; each >= 0; each--) value = value * 256 + (bytes[at + 2 + each] ?? 0);
  return value;
}

const WIDTHS: Readonly<Record<number, number>> = {
  [OP.BININT1]: 2,
  [OP.BININT2]: 3,
  [OP.BININT]: 5,
  [OP.BINPUT]: 2,
  [OP.BINGET]: 2,
  [OP.LONG_BINPUT]: 5,
  [OP.LONG_BINGET]: 5,
  [OP.FRAME]: 9,
  [OP.PROTO]: 2,
};

/** The text that an opcode pushes, if any, and where the next one stands. */
function textAt(bytes: Buffer, at: number): { readonly text: string | undefined; readonly next: number } {
  const opcode = bytes[at]!;
  if (opcode === OP.SHORT_BINUNICODE || opcode === OP.SHORT_BINSTRING || opcode === OP.SHORT_BINBYTES) {
    const end = at + 2 + (bytes[at + 1] ?? 0);
    return { text: bytes.toString("latin1", at + 2, end), next: end };
  }
  if ((opcode === OP.BINUNICODE || opcode === OP.BINSTRING) && at + 5 <= bytes.length) {
    const end = at + 5 + bytes.readUInt32LE(at + 1);
    return { text: bytes.toString("latin1", at + 5, end), next: end };
  }
  if (opcode === OP.GLOBAL) {
    const first = bytes.indexOf(0x0a, at);
    const second = bytes.indexOf(0x0a, first + 1);
    return { text: undefined, next: first < 0 || second < 0 ? bytes.length : second + 1 };
  }
  if (opcode === OP.LONG1) return { text: undefined, next: at + 2 + (bytes[at + 1] ?? 0) };
  return { text: undefined, next: at + (WIDTHS[opcode] ?? 1) };
}
