import { OP } from "../../src/formats/pickle/opcodes.ts";

/** Opcodes of pickle as bytes, to be put together by hand. Payloads only print: `id`, `echo`. */
type Part = Uint8Array;

const bytes = (...values: (number | string | Uint8Array)[]): Part =>
  Buffer.concat(values.map((value) => (typeof value === "number" ? Buffer.of(value) : Buffer.from(value))));

const u32 = (value: number): Part => {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32LE(value);
  return buffer;
};

const u64 = (value: number): Part => {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64LE(BigInt(value));
  return buffer;
};

export const p = {
  raw: bytes,
  proto: (version: number) => bytes(OP.PROTO, version),
  frame: (length: number) => bytes(OP.FRAME, u64(length)),
  stop: bytes(OP.STOP),
  mark: bytes(OP.MARK),
  pop: bytes(OP.POP),
  popMark: bytes(OP.POP_MARK),
  dup: bytes(OP.DUP),
  none: bytes(OP.NONE),
  int1: (value: number) => bytes(OP.BININT1, value),
  global: (module: string, name: string) => bytes(OP.GLOBAL, `${module}\n${name}\n`),
  inst: (module: string, name: string) => bytes(OP.INST, `${module}\n${name}\n`),
  stackGlobal: bytes(OP.STACK_GLOBAL),
  short: (text: string) => bytes(OP.SHORT_BINUNICODE, Buffer.byteLength(text), text),
  unicode: (text: string) => bytes(OP.BINUNICODE, u32(Buffer.byteLength(text)), text),
  unicode8: (text: string) => bytes(OP.BINUNICODE8, u64(Buffer.byteLength(text)), text),
  line: (text: string) => bytes(OP.UNICODE, `${text}\n`),
  quoted: (text: string) => bytes(OP.STRING, `'${text}'\n`),
  shortBytes: (data: Uint8Array | string) => bytes(OP.SHORT_BINBYTES, Buffer.from(data).length, data),
  longBytes: (data: Uint8Array | string) => bytes(OP.BINBYTES, u32(Buffer.from(data).length), data),
  bytes8: (data: Uint8Array | string) => bytes(OP.BINBYTES8, u64(Buffer.from(data).length), data),
  byteArray: (data: Uint8Array | string) => bytes(OP.BYTEARRAY8, u64(Buffer.from(data).length), data),
  binString: (text: string) => bytes(OP.BINSTRING, u32(Buffer.byteLength(text)), text),
  shortString: (text: string) => bytes(OP.SHORT_BINSTRING, Buffer.byteLength(text), text),
  tuple: bytes(OP.TUPLE),
  tuple1: bytes(OP.TUPLE1),
  tuple2: bytes(OP.TUPLE2),
  tuple3: bytes(OP.TUPLE3),
  emptyTuple: bytes(OP.EMPTY_TUPLE),
  emptyDict: bytes(OP.EMPTY_DICT),
  emptyList: bytes(OP.EMPTY_LIST),
  setItem: bytes(OP.SETITEM),
  append: bytes(OP.APPEND),
  reduce: bytes(OP.REDUCE),
  build: bytes(OP.BUILD),
  obj: bytes(OP.OBJ),
  newObject: bytes(OP.NEWOBJ),
  newObjectWith: bytes(OP.NEWOBJ_EX),
  memoize: bytes(OP.MEMOIZE),
  put: (index: number) => bytes(OP.BINPUT, index),
  get: (index: number) => bytes(OP.BINGET, index),
  putLong: (index: number) => bytes(OP.LONG_BINPUT, u32(index)),
  getLong: (index: number) => bytes(OP.LONG_BINGET, u32(index)),
  putLine: (index: number) => bytes(OP.PUT, `${index}\n`),
  getLine: (index: number) => bytes(OP.GET, `${index}\n`),
  ext: (code: number) => bytes(OP.EXT1, code),
  ext2: (code: number) => bytes(OP.EXT2, code & 255, code >> 8),
  ext4: (code: number) => bytes(OP.EXT4, u32(code)),
  long1: (data: Uint8Array) => bytes(OP.LONG1, data.length, data),
  persistent: (id: string) => bytes(OP.PERSID, `${id}\n`),
};

/** A call by REDUCE of an import by GLOBAL with one text. */
export function callOf(module: string, name: string, argument = "id"): Uint8Array {
  return bytes(p.proto(2), p.global(module, name), p.unicode(argument), p.tuple1, p.reduce, p.stop);
}
