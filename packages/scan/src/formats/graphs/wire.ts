import { ScanError } from "../../errors.ts";
import type { Source } from "../../sources/source.ts";

/** One field of a protobuf message: a number, or a stretch of bytes. */
export interface Field {
  readonly number: number;
  /** 0 is a varint, 1 and 5 fixed numbers, 2 a stretch of bytes. */
  readonly wire: number;
  /** Of a varint, as far as 2^53; 0 for other fields. */
  readonly value: number;
  /** Where the bytes of a stretch begin, and how many they are. */
  readonly offset: number;
  readonly bytes: number;
}

/**
 * The fields of a message that lies between two offsets, in order (protobuf.dev, "Encoding"), without reading what they hold.
 * Throws MALFORMED where one breaks off or is of a kind that does not exist.
 */
export function* fieldsOf(source: Source, start = 0, end = source.size): Generator<Field> {
  let at = start;
  while (at < end) {
    const tag = varint(source, at, end);
    at = tag.next;
    const number = Math.floor(tag.value / 8);
    const wire = tag.value % 8;
    if (number === 0) throw new ScanError("MALFORMED", `byte ${at}: a field without a number`);
    if (wire === 0) {
      const { value, next } = varint(source, at, end);
      yield { number, wire, value, offset: at, bytes: next - at };
      at = next;
    } else if (wire === 2) {
      const { value: bytes, next } = varint(source, at, end);
      if (next + bytes > end)
        throw new ScanError("MALFORMED", `byte ${at}: a field of ${bytes} bytes goes beyond its message`);
      yield { number, wire, value: 0, offset: next, bytes };
      at = next + bytes;
    } else if (wire === 1 || wire === 5) {
      const bytes = wire === 1 ? 8 : 4;
      if (at + bytes > end) throw new ScanError("MALFORMED", `byte ${at}: a number goes beyond its message`);
      yield { number, wire, value: 0, offset: at, bytes };
      at += bytes;
    } else throw new ScanError("MALFORMED", `byte ${at}: a field of the kind ${wire}`);
  }
}

/** The text of a field, as far as `longest` bytes. */
export function textOfField(source: Source, { offset, bytes }: Field, longest = 65_536): string {
  return Buffer.from(source.read(offset, Math.min(bytes, longest))).toString("utf8");
}

/** Whether everything at the top is a well-formed message of known fields; gives the numbers that occur. */
export function topFields(
  source: Source,
  known: (number: number, wire: number) => boolean,
): ReadonlySet<number> | undefined {
  const found = new Set<number>();
  try {
    let count = 0;
    for (const { number, wire } of fieldsOf(source)) {
      if (!known(number, wire)) return undefined;
      found.add(number);
      if (++count > 100_000) return found;
    }
  } catch {
    return undefined;
  }
  return found;
}

function varint(source: Source, at: number, end: number): { readonly value: number; readonly next: number } {
  const bytes = source.read(at, Math.min(10, end - at));
  let value = 0;
  for (let each = 0; each < bytes.length; each++) {
    value += (bytes[each]! & 0x7f) * 2 ** (7 * each);
    if (bytes[each]! < 0x80) return { value, next: at + each + 1 };
  }
  throw new ScanError("MALFORMED", `byte ${at}: a number that does not end`);
}
