export interface GgufTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: number;
  readonly offset: number;
}

/** A GGUF 3 file of texts and tensors; `count` is the number of tensors that it says. */
export function writeGguf(
  texts: Readonly<Record<string, string>>,
  tensors: readonly GgufTensor[] = [],
  count?: number,
  dataBytes = 0,
): Uint8Array {
  const parts: Buffer[] = [Buffer.from("GGUF"), u32(3), u64(count ?? tensors.length), u64(Object.keys(texts).length)];
  for (const [key, value] of Object.entries(texts)) parts.push(text(key), u32(8), text(value));
  for (const { name, shape, type, offset } of tensors) {
    parts.push(text(name), u32(shape.length), ...shape.map(u64), u32(type), u64(offset));
  }
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([...parts, Buffer.alloc(Math.ceil(length / 32) * 32 - length + dataBytes)]);
}

function u32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32LE(value);
  return buffer;
}

function u64(value: number): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64LE(BigInt(value));
  return buffer;
}

function text(value: string): Buffer {
  return Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)]);
}
