/**
 * Fills `target` with the words of Philox4x32-10 for consecutive counters from [0, c1, c2, c3] under a key. In WebAssembly, whose
 * 64-bit products take a fourth of the time of integer arithmetic in JavaScript; the words are those of `philox4x32`.
 */
export function fillPhilox(
  target: Uint32Array,
  [c1, c2, c3]: readonly number[],
  [k0, k1]: readonly number[],
): Uint32Array {
  for (let start = 0; start < target.length; start += page.length) {
    const count = Math.min(page.length, target.length - start);
    writeBlocks(start / 4, c1!, c2!, c3!, k0!, k1!, 4 * count);
    target.set(count === page.length ? page : page.subarray(0, count), start);
  }
  return target;
}

/** What is used of WebAssembly, which the library for this target does not declare. */
interface Runtime {
  readonly Module: new (code: Uint8Array) => object;
  readonly Instance: new (
    module: object,
  ) => { readonly exports: { readonly memory: { readonly buffer: ArrayBuffer }; readonly write: WriteBlocks } };
}

/** Writes blocks of four words from address 0 until `end`, counting c0 up. */
type WriteBlocks = (c0: number, c1: number, c2: number, c3: number, k0: number, k1: number, end: number) => void;

const { Module, Instance } = (globalThis as unknown as { readonly WebAssembly: Runtime }).WebAssembly;
const { memory, write: writeBlocks } = new Instance(new Module(program())).exports;
const page = new Uint32Array(memory.buffer); // one page of 64 KiB: 16,384 words

/** A module of one page of memory and the one function. Opcodes as in the core specification, section 5.4. */
function program(): Uint8Array {
  const [i32, i64] = [0x7f, 0x7e];
  const [get, set, add, xor] = [0x20, 0x21, 0x6a, 0x73];
  const int = (value: number): number[] => [0x41, ...signed(BigInt(value | 0))];
  const long = (value: bigint): number[] => [0x42, ...signed(value)];
  // parameters: c0 c1 c2 c3 k0 k1 end; then the state of a block, two products, and where it goes
  const [c0, c3, k0, k1, end] = [0, 3, 4, 5, 6] as const;
  const [x0, x1, x2, x3, at, p0, p1] = [7, 8, 9, 10, 11, 12, 13] as const;
  const product = (x: number, factor: bigint, into: number) => [get, x, 0xad, ...long(factor), 0x7e, set, into];
  const high = (p: number) => [get, p, ...long(32n), 0x88, 0xa7];
  const round = (index: number): number[] => [
    ...product(x0, 0xd2511f53n, p0),
    ...product(x2, 0xcd9e8d57n, p1),
    ...[...high(p1), get, x1, xor, get, k0, ...int(Math.imul(index, 0x9e3779b9)), add, xor, set, x0],
    ...[...high(p0), get, x3, xor, get, k1, ...int(Math.imul(index, 0xbb67ae85)), add, xor, set, x2],
    ...[get, p1, 0xa7, set, x1],
    ...[get, p0, 0xa7, set, x3],
  ];
  const body = [
    ...[2, 5, i32, 2, i64], // locals
    ...[0x03, 0x40], // loop
    ...[c0, 1, 2, c3].flatMap((counter, index) => [get, counter, set, x0 + index]),
    ...Array.from({ length: 10 }, (_, index) => round(index)).flat(),
    ...[x0, x1, x2, x3].flatMap((x, index) => [get, at, get, x, 0x36, 2, 4 * index]), // store
    ...[get, c0, ...int(1), add, set, c0],
    ...[get, at, ...int(16), add, 0x22, at], // at += 16
    ...[get, end, 0x49, 0x0d, 0, 0x0b, 0x0b], // again while at < end
  ];
  const section = (id: number, content: readonly number[]) => [id, ...unsigned(content.length), ...content];
  const name = (text: string) => [text.length, ...Buffer.from(text)];
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0], // "\0asm", version 1
    ...section(1, [1, 0x60, 7, ...new Array<number>(7).fill(i32), 0]), // its type
    ...section(3, [1, 0]),
    ...section(5, [1, 0, 1]), // memory
    ...section(7, [2, ...name("memory"), 2, 0, ...name("write"), 0, 0]),
    ...section(10, [1, ...unsigned(body.length), ...body]),
  ]);
}

/** LEB128. */
function unsigned(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...unsigned(value >>> 7)];
}

function signed(value: bigint): number[] {
  const low = Number(value & 127n);
  const rest = value >> 7n;
  const isLast = (rest === 0n && low < 64) || (rest === -1n && low >= 64);
  return isLast ? [low] : [low | 128, ...signed(rest)];
}
