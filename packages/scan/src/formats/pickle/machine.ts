import { ScanError } from "../../errors.ts";
import type { Rule } from "../../rule.ts";
import type { Source } from "../../sources/source.ts";
import { Calls, LONGEST_NAME } from "./calls.ts";
import { KIND, Values } from "./growing.ts";
import { OP } from "./opcodes.ts";
import { pickleRules } from "./rules.ts";
import { HUGE_WEIGHT } from "./tuples.ts";
import { Window } from "./window.ts";

const DENSE_MEMO = 2 ** 24;
const NESTED_AT_MOST = 1000;

/** What the machine tells while it runs. */
export interface MachineEvents {
  report(rule: Rule, evidence: string, offset: number, opcode: string): void;
  /**
   * After the BUILD of an instance: how many bytes that are no opcodes follow it, as joblib writes arrays there. `state` is the offset
   * at which the state began, `next` that of the byte behind the opcode; `recall` gives the text of a memo entry, or the first argument
   * of what it was made from.
   */
  built?(full: string, state: number, next: number, recall: (index: number) => string | undefined): number;
}

/** A stretch of bytes within the pickle that may be a file of its own. */
export interface Embedded {
  readonly offset: number;
  readonly bytes: number;
}

/**
 * Runs pickles symbolically (CPython, Lib/pickletools.py and Modules/_pickle.c): the whole machine with its stack and memo, but
 * nothing is imported or called: what would be is reported. Values are a kind and a number, so that no opcode makes an object.
 */
export class Machine {
  readonly #window: Window;
  readonly #events: MachineEvents;
  readonly #stack = new Values();
  readonly #marks: number[] = [];
  readonly #memo = new Values();
  readonly #sparse = new Map<number, { readonly kind: number; readonly value: number }>();
  readonly #calls: Calls;
  readonly #embedded: Embedded[] = [];
  #memoized = 0;
  /** Height of the stack at the last mark: nothing below can be reached. */
  #floor = 0;

  constructor(source: Source, events: MachineEvents) {
    this.#window = new Window(source);
    this.#events = events;
    this.#calls = new Calls(this.#window, events);
  }

  /** Imports so far, whether harmless or not. */
  get imports(): number {
    return this.#calls.imports;
  }

  get embedded(): readonly Embedded[] {
    return this.#embedded;
  }

  /** What the pickle that ended last evaluates to, where that is a long whole number: its bytes. */
  lastLong: Uint8Array | undefined;

  /** Runs one pickle from an offset to its STOP; the offset behind it. Throws MALFORMED where a loader would stop with an error. */
  run(start: number): number {
    const stack = this.#stack;
    const memo = this.#memo;
    const window = this.#window;
    stack.length = 0;
    memo.kinds.fill(0, 0, memo.length);
    memo.length = 0;
    this.#sparse.clear();
    this.#marks.length = 0;
    this.#memoized = 0;
    this.#floor = 0;
    this.lastLong = undefined;
    let frameEnd = Number.POSITIVE_INFINITY;
    window.moveTo(start);
    let { bytes, view, base } = window;
    let at = 0;
    for (;;) {
      if (at + 16 > bytes.length && base + bytes.length < window.size) {
        window.moveTo(base + at);
        ({ bytes, view, base } = window);
        at = 0;
      }
      if (at >= bytes.length)
        throw new ScanError("MALFORMED", `byte ${base + at}: expected an opcode, the data breaks off`);
      const opcode = bytes[at]!;
      const here = base + at;
      if (here >= frameEnd) frameEnd = Number.POSITIVE_INFINITY;
      at++;
      switch (opcode) {
        case OP.PROTO:
          need(bytes, at, 1, here);
          if (here !== start) this.#report(pickleRules["misplaced-protocol"], "PROTO within the pickle", here, "PROTO");
          at += 1;
          break;
        case OP.FRAME:
          need(bytes, at, 8, here);
          frameEnd = base + at + 8 + Number(view.getBigUint64(at, true));
          at += 8;
          break;
        case OP.STOP: {
          if (stack.length === 0) throw new ScanError("MALFORMED", `byte ${here}: STOP on an empty stack`);
          return here + 1;
        }
        case OP.MARK:
          this.#marks.push(this.#floor);
          this.#floor = stack.length;
          break;
        case OP.POP:
          if (stack.length > this.#floor) stack.length--;
          else if (this.#marks.length > 0) this.#popMark(here);
          else throw new ScanError("MALFORMED", `byte ${here}: POP on an empty stack`);
          break;
        case OP.POP_MARK:
          stack.length = this.#popMark(here);
          break;
        case OP.DUP:
          this.#requireDepth(1, here);
          stack.push(stack.kinds[stack.length - 1]!, stack.data[stack.length - 1]!);
          break;
        case OP.NONE:
        case OP.NEWTRUE:
        case OP.NEWFALSE:
          stack.push(KIND.other, 0);
          break;
        case OP.BININT1:
          need(bytes, at, 1, here);
          stack.push(KIND.integer, bytes[at]!);
          at += 1;
          break;
        case OP.BININT2:
          need(bytes, at, 2, here);
          stack.push(KIND.integer, bytes[at]! | (bytes[at + 1]! << 8));
          at += 2;
          break;
        case OP.BININT:
          need(bytes, at, 4, here);
          stack.push(KIND.integer, view.getInt32(at, true));
          at += 4;
          break;
        case OP.BINFLOAT:
          need(bytes, at, 8, here);
          stack.push(KIND.other, 0);
          at += 8;
          break;
        case OP.INT:
        case OP.LONG:
        case OP.FLOAT: {
          const end = window.lineEnd(here + 1);
          this.#requireNumber(here, end);
          stack.push(KIND.other, 0);
          at = end + 1 - base;
          break;
        }
        case OP.LONG1: {
          need(bytes, at, 1, here);
          const length = bytes[at]!;
          this.#requireBytes(here + 2 + length, here);
          if (stack.length === 0) this.lastLong = new Uint8Array(window.peek(here + 2, length));
          stack.push(KIND.other, 0);
          at += 1 + length;
          break;
        }
        case OP.LONG4: {
          need(bytes, at, 4, here);
          const length = view.getInt32(at, true);
          this.#requireBytes(here + 5 + length, here);
          stack.push(KIND.other, 0);
          at += 4 + length;
          break;
        }
        case OP.STRING:
        case OP.UNICODE: {
          const end = window.lineEnd(here + 1);
          stack.push(KIND.text, here);
          at = end + 1 - base;
          break;
        }
        case OP.SHORT_BINUNICODE:
        case OP.SHORT_BINSTRING:
        case OP.SHORT_BINBYTES: {
          need(bytes, at, 1, here);
          const length = bytes[at]!;
          const from = at + 1;
          at = from + length;
          this.#requireBytes(base + at, here);
          stack.push(opcode === OP.SHORT_BINBYTES ? KIND.bytes : KIND.text, here);
          if (length > 15 && opcode !== OP.SHORT_BINUNICODE) this.#notice(bytes, from, base + from, length);
          break;
        }
        case OP.BINUNICODE:
        case OP.BINSTRING:
        case OP.BINBYTES: {
          need(bytes, at, 4, here);
          const length = opcode === OP.BINSTRING ? view.getInt32(at, true) : view.getUint32(at, true);
          if (length < 0) throw new ScanError("MALFORMED", `byte ${here}: a string of ${length} bytes`);
          const from = at + 4;
          at = from + length;
          this.#requireBytes(base + at, here);
          stack.push(opcode === OP.BINBYTES ? KIND.bytes : KIND.text, here);
          if (length > 15 && opcode !== OP.BINUNICODE) this.#notice(bytes, from, base + from, length);
          break;
        }
        case OP.BINUNICODE8:
        case OP.BINBYTES8:
        case OP.BYTEARRAY8: {
          need(bytes, at, 8, here);
          const length = Number(view.getBigUint64(at, true));
          const from = at + 8;
          at = from + length;
          this.#requireBytes(base + at, here);
          stack.push(opcode === OP.BINUNICODE8 ? KIND.text : KIND.bytes, here);
          if (length > 15 && opcode !== OP.BINUNICODE8) this.#notice(bytes, from, base + from, length);
          break;
        }
        case OP.NEXT_BUFFER:
          stack.push(KIND.other, 0);
          break;
        case OP.READONLY_BUFFER:
          this.#requireDepth(1, here);
          break;
        case OP.EMPTY_LIST:
        case OP.EMPTY_DICT:
        case OP.EMPTY_SET:
          stack.push(KIND.container, here);
          break;
        case OP.APPEND:
          this.#requireDepth(2, here);
          stack.length--;
          break;
        case OP.SETITEM:
          this.#requireDepth(3, here);
          stack.length -= 2;
          break;
        case OP.APPENDS:
        case OP.SETITEMS:
        case OP.ADDITEMS:
          stack.length = this.#popMark(here);
          this.#requireDepth(1, here);
          break;
        case OP.LIST:
        case OP.DICT:
        case OP.FROZENSET:
          stack.length = this.#popMark(here);
          stack.push(KIND.container, here);
          break;
        case OP.EMPTY_TUPLE:
          stack.push(KIND.tuple, this.#calls.tuples.add(stack, 0));
          break;
        case OP.TUPLE:
          this.#makeTuple(stack.length - this.#popMark(here), here);
          break;
        case OP.TUPLE1:
        case OP.TUPLE2:
        case OP.TUPLE3:
          this.#requireDepth(opcode - OP.TUPLE1 + 1, here);
          this.#makeTuple(opcode - OP.TUPLE1 + 1, here);
          break;
        case OP.BINPUT:
          need(bytes, at, 1, here);
          this.#put(bytes[at]!, here);
          at += 1;
          break;
        case OP.LONG_BINPUT:
          need(bytes, at, 4, here);
          this.#put(view.getUint32(at, true), here);
          at += 4;
          break;
        case OP.PUT: {
          const end = window.lineEnd(here + 1);
          this.#put(this.#wholeNumber(here + 1, end), here);
          at = end + 1 - base;
          break;
        }
        case OP.MEMOIZE:
          if (this.#memoized === memo.length && memo.length < DENSE_MEMO && stack.length > this.#floor) {
            memo.push(stack.kinds[stack.length - 1]! + 1, stack.data[stack.length - 1]!);
            this.#memoized++;
          } else this.#put(this.#memoized, here);
          break;
        case OP.BINGET:
          need(bytes, at, 1, here);
          if (bytes[at]! < memo.length && memo.kinds[bytes[at]!] !== 0)
            stack.push(memo.kinds[bytes[at]!]! - 1, memo.data[bytes[at]!]!);
          else this.#get(bytes[at]!, here);
          at += 1;
          break;
        case OP.LONG_BINGET:
          need(bytes, at, 4, here);
          this.#get(view.getUint32(at, true), here);
          at += 4;
          break;
        case OP.GET: {
          const end = window.lineEnd(here + 1);
          this.#get(this.#wholeNumber(here + 1, end), here);
          at = end + 1 - base;
          break;
        }
        case OP.GLOBAL: {
          const index = this.#importLines(here);
          stack.push(KIND.global, index.global);
          at = index.next - base;
          break;
        }
        case OP.INST: {
          const index = this.#importLines(here);
          const mark = this.#popMark(here);
          const items = this.#calls.tuples.add(stack, stack.length - mark);
          stack.length = mark;
          this.#calls.call(stack, KIND.global, index.global, KIND.tuple, items, here, "INST");
          at = index.next - base;
          break;
        }
        case OP.STACK_GLOBAL: {
          this.#requireDepth(2, here);
          stack.length -= 2;
          const module = this.#calls.textAt(stack.kinds[stack.length]!, stack.data[stack.length]!);
          const name = this.#calls.textAt(stack.kinds[stack.length + 1]!, stack.data[stack.length + 1]!);
          stack.push(KIND.global, this.#calls.import(module, name, here, "STACK_GLOBAL"));
          break;
        }
        case OP.EXT1:
        case OP.EXT2:
        case OP.EXT4: {
          const width = opcode === OP.EXT1 ? 1 : opcode === OP.EXT2 ? 2 : 4;
          need(bytes, at, width, here);
          const code = width === 1 ? bytes[at]! : width === 2 ? view.getUint16(at, true) : view.getInt32(at, true);
          this.#calls.imports++;
          this.#report(pickleRules.extension, `imports extension ${code}`, here, `EXT${width}`);
          stack.push(KIND.other, 0);
          at += width;
          break;
        }
        case OP.REDUCE:
          this.#requireDepth(2, here);
          stack.length -= 2;
          this.#callTop(1, here, "REDUCE");
          break;
        case OP.NEWOBJ:
          this.#requireDepth(2, here);
          stack.length -= 2;
          this.#callTop(1, here, "NEWOBJ");
          break;
        case OP.NEWOBJ_EX:
          this.#requireDepth(3, here);
          stack.length -= 3;
          this.#callTop(1, here, "NEWOBJ_EX");
          break;
        case OP.OBJ: {
          const mark = this.#popMark(here);
          if (stack.length <= mark) throw new ScanError("MALFORMED", `byte ${here}: OBJ without a class`);
          const kind = stack.kinds[mark]!;
          const value = stack.data[mark]!;
          const items = this.#calls.tuples.add(stack, stack.length - mark - 1);
          stack.length = mark;
          this.#calls.call(stack, kind, value, KIND.tuple, items, here, "OBJ");
          break;
        }
        case OP.BUILD: {
          this.#requireDepth(2, here);
          stack.length--;
          const skipped = this.#build(stack.kinds[stack.length]!, stack.data[stack.length]!, here, base + at);
          if (skipped === 0) break;
          at += skipped;
          frameEnd = Number.POSITIVE_INFINITY; // what was stepped over is in no frame
          break;
        }
        case OP.PERSID: {
          const end = window.lineEnd(here + 1);
          this.#report(pickleRules["persistent-id"], "refers to objects by an id", start, "PERSID");
          stack.push(KIND.other, 0);
          at = end + 1 - base;
          break;
        }
        case OP.BINPERSID:
          this.#requireDepth(1, here);
          this.#report(pickleRules["persistent-id"], "refers to objects by an id", start, "BINPERSID");
          stack.length--;
          stack.push(KIND.other, 0);
          break;
        default:
          throw new ScanError(
            "MALFORMED",
            `byte ${here}: expected an opcode, got 0x${opcode.toString(16).padStart(2, "0")}`,
          );
      }
      if (base + at > frameEnd) {
        this.#report(
          pickleRules.frame,
          `an opcode of ${base + at - here} bytes crosses the end of its frame`,
          here,
          "FRAME",
        );
        frameEnd = Number.POSITIVE_INFINITY;
      }
      if (at > bytes.length) {
        window.moveTo(base + at);
        ({ bytes, view, base } = window);
        at = 0;
      }
    }
  }

  #report(rule: Rule, evidence: string, offset: number, opcode: string): void {
    this.#events.report(rule, evidence, offset, opcode);
  }

  #popMark(here: number): number {
    const below = this.#marks.pop();
    if (below === undefined) throw new ScanError("MALFORMED", `byte ${here}: expected a mark on the stack`);
    const mark = this.#floor;
    this.#floor = below;
    return mark;
  }

  #requireDepth(depth: number, here: number): void {
    if (this.#stack.length - this.#floor >= depth) return;
    throw new ScanError(
      "MALFORMED",
      `byte ${here}: expected ${depth} values on the stack, got ${this.#stack.length - this.#floor}`,
    );
  }

  #requireBytes(end: number, here: number): void {
    if (end > this.#window.size || end < here)
      throw new ScanError("MALFORMED", `byte ${here}: its argument goes beyond the end`);
  }

  #requireNumber(here: number, end: number): void {
    const text = this.#window.text(here + 1, Math.min(end - here - 1, 64));
    if (!/^\s*[-+\w.]+\s*$/.test(text))
      throw new ScanError("MALFORMED", `byte ${here}: expected a number, got ${JSON.stringify(text)}`);
  }

  #wholeNumber(from: number, end: number): number {
    const text = this.#window.text(from, Math.min(end - from, 64)).trim();
    const value = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) {
      throw new ScanError(
        "MALFORMED",
        `byte ${from}: expected the number of a memo entry, got ${JSON.stringify(text)}`,
      );
    }
    return value;
  }

  #makeTuple(count: number, here: number): void {
    const tuple = this.#calls.tuples.add(this.#stack, count);
    this.#stack.length -= count;
    this.#stack.push(KIND.tuple, tuple);
    if (this.#calls.tuples.weight(tuple) > HUGE_WEIGHT) {
      this.#report(pickleRules.expansion, "a tuple that becomes more than 4 billion values", here, "TUPLE");
    }
  }

  #put(index: number, here: number): void {
    this.#requireDepth(1, here);
    const kind = this.#stack.kinds[this.#stack.length - 1]!;
    const value = this.#stack.data[this.#stack.length - 1]!;
    const before = this.#kindInMemo(index);
    if (before === undefined) this.#memoized++;
    else if (before !== kind && (before === KIND.global || kind === KIND.global || before === KIND.text)) {
      this.#report(pickleRules["shadowed-memo"], `memo entry ${index} is written again`, here, "PUT");
    }
    if (index < DENSE_MEMO) this.#memo.set(index, kind + 1, value);
    else {
      if (this.#sparse.size > 2 ** 20) throw new ScanError("LIMIT_EXCEEDED", `byte ${here}: too many memo entries`);
      this.#sparse.set(index, { kind, value });
    }
  }

  #kindInMemo(index: number): number | undefined {
    if (index >= DENSE_MEMO) return this.#sparse.get(index)?.kind;
    const kind = index < this.#memo.length ? this.#memo.kinds[index]! : 0;
    return kind === 0 ? undefined : kind - 1;
  }

  #get(index: number, here: number): void {
    const kind = this.#kindInMemo(index);
    if (kind === undefined) throw new ScanError("MALFORMED", `byte ${here}: memo entry ${index} was never written`);
    this.#stack.push(kind, index < DENSE_MEMO ? this.#memo.data[index]! : this.#sparse.get(index)!.value);
  }

  #importLines(here: number): { readonly global: number; readonly next: number } {
    const first = this.#window.lineEnd(here + 1);
    const second = this.#window.lineEnd(first + 1);
    const module = this.#window.text(here + 1, Math.min(first - here - 1, LONGEST_NAME));
    const name = this.#window.text(first + 1, Math.min(second - first - 1, LONGEST_NAME));
    if (!NAME.test(module) || !NAME.test(name)) {
      throw new ScanError(
        "MALFORMED",
        `byte ${here}: expected a module and a name, got ${JSON.stringify(`${module} ${name}`.slice(0, 80))}`,
      );
    }
    return { global: this.#calls.import(module, name, here, "GLOBAL"), next: second + 1 };
  }

  /** Calls what lies just above the stack's end, with the value after it as arguments. */
  #callTop(argumentsAt: number, here: number, opcode: string): void {
    const stack = this.#stack;
    const { length } = stack;
    const at = length + argumentsAt;
    this.#calls.call(stack, stack.kinds[length]!, stack.data[length]!, stack.kinds[at]!, stack.data[at]!, here, opcode);
  }

  #build(stateKind: number, state: number, here: number, next: number): number {
    const kind = this.#stack.kinds[this.#stack.length - 1]!;
    const value = this.#stack.data[this.#stack.length - 1]!;
    if (kind === KIND.global) {
      this.#report(
        pickleRules["rewrites-callable"],
        `sets attributes of ${this.#calls.globalAt(value).full}`,
        here,
        "BUILD",
      );
    }
    if (kind !== KIND.instance || !this.#events.built) return 0;
    const begun = stateKind === KIND.container ? state : here;
    const recall = (index: number) => this.#recall(index);
    return this.#events.built(this.#calls.globalAt(value).full, begun, next, recall);
  }

  #recall(index: number): string | undefined {
    const kind = this.#kindInMemo(index);
    if (kind === undefined || index >= DENSE_MEMO) return undefined;
    const value = this.#memo.data[index]!;
    if (kind !== KIND.instance) return this.#calls.textAt(kind, value);
    return this.#calls.firstArgument(value);
  }

  /** Remembers bytes that begin like a pickle, an archive, a program or compiled code. */
  #notice(bytes: Uint8Array, at: number, offset: number, length: number): void {
    const first = bytes[at];
    const second = bytes[at + 1];
    if (first === undefined || second === undefined) return;
    const isPickle = first === 0x80 && second >= 2 && second <= 5;
    const isArchive = (first === 0x50 && second === 0x4b) || (first === 0x1f && second === 0x8b);
    const isProgram =
      (first === 0x7f && second === 0x45) ||
      (first === 0x4d && second === 0x5a) ||
      (first === 0x63 && /\n/.test(String.fromCharCode(...bytes.subarray(at, at + 40))));
    if ((isPickle || isArchive || isProgram) && this.#embedded.length < NESTED_AT_MOST)
      this.#embedded.push({ offset, bytes: length });
    // a code object of marshal, with its flag, and a small number of arguments
    if (first === 0xe3 && second < 32 && bytes[at + 2] === 0 && bytes[at + 3] === 0 && bytes[at + 4] === 0) {
      this.#report(pickleRules.marshal, `${length} bytes that begin like a code object`, offset, "BINBYTES");
    }
  }
}

/** Attribute paths count as names: they are judged, not refused. */
const NAME = /^[^\s"'(){}[\],;=<>|\\/]+$/;

function need(bytes: Uint8Array, at: number, count: number, here: number): void {
  if (at + count > bytes.length) throw new ScanError("MALFORMED", `byte ${here}: the data breaks off within an opcode`);
}
