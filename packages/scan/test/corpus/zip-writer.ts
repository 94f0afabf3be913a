import { crc32, deflateRawSync } from "node:zlib";

/** What a zip says of an entry, and in what its two records may be made to differ. */
export interface ZipFile {
  readonly name: string;
  readonly data: Uint8Array | string;
  readonly method?: 0 | 8;
  readonly local?: Partial<ZipRecord>;
  readonly central?: Partial<ZipRecord>;
  /** Left out of the directory. */
  readonly isHidden?: boolean;
  readonly unixMode?: number;
  /** Bytes before the header. */
  readonly gap?: Uint8Array;
}

export interface ZipRecord {
  readonly name: string;
  readonly flags: number;
  readonly method: number;
  readonly crc: number;
  readonly packedBytes: number;
  readonly bytes: number;
  readonly headerOffset: number;
}

export interface ZipAround {
  readonly prefix?: Uint8Array;
  readonly suffix?: Uint8Array;
  readonly comment?: string;
  /** The number of entries that the end record says. */
  readonly count?: number;
}

/** A zip as its format has it, and wherever its records are told to lie, as they say. */
export function writeZip(
  files: readonly ZipFile[],
  { prefix, suffix, comment = "", count }: ZipAround = {},
): Uint8Array {
  const parts: Uint8Array[] = prefix ? [prefix] : [];
  const records: (ZipRecord & { readonly unixMode: number })[] = [];
  const size = () => parts.reduce((sum, part) => sum + part.length, 0);
  for (const { name, data, method = 0, local, central, isHidden, unixMode = 0, gap } of files) {
    if (gap) parts.push(gap);
    const bytes = Buffer.from(data);
    const packed = method === 8 ? deflateRawSync(bytes) : bytes;
    const record = { name, flags: 0, method, crc: crc32(bytes), packedBytes: packed.length, bytes: bytes.length };
    const headerOffset = size();
    parts.push(localHeader({ ...record, headerOffset, ...local }), packed);
    if (!isHidden) records.push({ ...record, headerOffset, ...central, unixMode });
  }
  const start = size();
  parts.push(...records.map(centralHeader));
  const directoryBytes = size() - start;
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(count ?? records.length, 8);
  end.writeUInt16LE(count ?? records.length, 10);
  end.writeUInt32LE(directoryBytes, 12);
  end.writeUInt32LE(start, 16);
  end.writeUInt16LE(comment.length, 20);
  parts.push(end, Buffer.from(comment));
  if (suffix) parts.push(suffix);
  return Buffer.concat(parts);
}

function localHeader({ name, flags, method, crc, packedBytes, bytes }: ZipRecord): Uint8Array {
  const header = Buffer.alloc(30);
  header.writeUInt32LE(0x04034b50, 0);
  header.writeUInt16LE(20, 4);
  header.writeUInt16LE(flags, 6);
  header.writeUInt16LE(method, 8);
  header.writeUInt32LE(crc, 14);
  header.writeUInt32LE(packedBytes, 18);
  header.writeUInt32LE(bytes, 22);
  header.writeUInt16LE(Buffer.byteLength(name), 26);
  return Buffer.concat([header, Buffer.from(name)]);
}

function centralHeader(record: ZipRecord & { readonly unixMode: number }): Uint8Array {
  const { name, flags, method, crc, packedBytes, bytes, headerOffset, unixMode } = record;
  const header = Buffer.alloc(46);
  header.writeUInt32LE(0x02014b50, 0);
  header.writeUInt16LE(unixMode === 0 ? 20 : (3 << 8) | 20, 4);
  header.writeUInt16LE(20, 6);
  header.writeUInt16LE(flags, 8);
  header.writeUInt16LE(method, 10);
  header.writeUInt32LE(crc, 16);
  header.writeUInt32LE(packedBytes, 20);
  header.writeUInt32LE(bytes, 24);
  header.writeUInt16LE(Buffer.byteLength(name), 28);
  header.writeUInt32LE((unixMode << 16) >>> 0, 38);
  header.writeUInt32LE(headerOffset, 42);
  return Buffer.concat([header, Buffer.from(name)]);
}
