/** What a zip says of an entry, in its directory or in the header before its data. */
export interface ZipEntry {
  readonly name: string;
  readonly flags: number;
  readonly method: number;
  readonly crc: number;
  readonly packedBytes: number;
  readonly bytes: number;
  /** Of the header before the data. */
  readonly headerOffset: number;
}

/** An entry of the directory, and what only that says. */
export interface DirectoryEntry extends ZipEntry {
  /** Type and permissions as Unix has them; 0 where the archive was not made on Unix. */
  readonly unixMode: number;
}

/** An entry as the header before its data has it. */
export interface LocalEntry extends ZipEntry {
  readonly dataOffset: number;
  /** Whether sizes and checksum stand behind the data instead. */
  readonly isStreamed: boolean;
}

export const FLAGS = { encrypted: 0x1, streamed: 0x8, patched: 0x20, strongEncryption: 0x40, utf8: 0x800 } as const;

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** UTF-8 where it is that, else each byte as a character: names are compared, shown and never written. */
export function nameFrom(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    return Buffer.from(bytes).toString("latin1");
  }
}

interface Sizes {
  readonly packedBytes: number;
  readonly bytes: number;
  readonly headerOffset: number;
}

/** Sizes with those of the zip64 extra field in place of each that is 0xffffffff (APPNOTE 4.5.3). */
export function withZip64(extra: Uint8Array, sizes: Sizes): Sizes {
  const view = new DataView(extra.buffer, extra.byteOffset, extra.length);
  for (let at = 0; at + 4 <= extra.length; ) {
    const id = view.getUint16(at, true);
    const length = Math.min(view.getUint16(at + 2, true), extra.length - at - 4);
    if (id === 1) {
      let next = at + 4;
      const end = next + length;
      const wide = (value: number): number => {
        if (value !== 0xffffffff || next + 8 > end) return value;
        next += 8;
        const large = view.getBigUint64(next - 8, true);
        return large > BigInt(Number.MAX_SAFE_INTEGER) ? Number.POSITIVE_INFINITY : Number(large);
      };
      const bytes = wide(sizes.bytes);
      const packedBytes = wide(sizes.packedBytes);
      return { bytes, packedBytes, headerOffset: wide(sizes.headerOffset) };
    }
    at += 4 + length;
  }
  return sizes;
}
