export interface GgufTensor {
  readonly name: string;
  readonly shape?: readonly bigint[];
  /** 0 is float32. */
  readonly kind?: number;
  readonly offset?: bigint;
}

export interface GgufFile {
  readonly version?: number;
  readonly settings?: readonly GgufSetting[];
  readonly tensors?: readonly GgufTensor[];
  /** What the header says, if not what is there. */
  readonly counts?: { readonly tensors?: bigint; readonly settings?: bigint };
  readonly data?: Uint8Array;
}

/** A setting: its key, the kind of its value, the bytes of the value. */
export type GgufSetting = readonly [key: string, kind: number, value: Uint8Array];

/** A GGUF file as its records say. Tensor data is aligned to 32 bytes. */
export function writeGguf({ version = 3, settings = [], tensors = [], counts, data }: GgufFile): Uint8Array {
  const parts: Uint8Array[] = [
    Buffer.from("GGUF"),
    uint32(version),
    uint64(counts?.tensors ?? BigInt(tensors.length)),
    uint64(counts?.settings ?? BigInt(settings.length)),
  ];
  for (const [key, kind, value] of settings) parts.push(ggufText(key), uint32(kind), value);
  for (const { name, shape = [8n], kind = 0, offset = 0n } of tensors) {
    parts.push(ggufText(name), uint32(shape.length), ...shape.map(uint64), uint32(kind), uint64(offset));
  }
  const header = Buffer.concat(parts);
  const bytes = data ?? Buffer.alloc(tensors.length === 0 ? 0 : 32);
  return Buffer.concat([header, Buffer.alloc((32 - (header.length % 32)) % 32), bytes]);
}

export function ggufText(text: string): Uint8Array {
  const bytes = Buffer.from(text);
  return Buffer.concat([uint64(BigInt(bytes.length)), bytes]);
}

export function uint32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

export function uint64(value: bigint): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}
