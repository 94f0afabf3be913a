import { ScanError } from "../../errors.ts";
import type { Bundle, Format, ScanContext } from "../../format.ts";
import { rulesOf } from "../../rule.ts";
import { type Source, slice } from "../../sources/source.ts";
import { bundleFormats } from "../bundles/bundle-formats.ts";
import { isText } from "../text/text.ts";
import { checkLink, checkName, entryNameRules } from "./entry-names.ts";

const BLOCK = 512;
const LONGEST_NAME = 64 * 1024;

const rules = rulesOf("tar", {
  "duplicate-name": {
    title: "Two entries of one name",
    severity: "high",
    effect: "The later one replaces the one that a reader may have looked at.",
  },
  trailing: {
    title: "Data behind the end of the archive",
    severity: "medium",
    effect: "Some readers go on behind the end and find further entries.",
  },
  "size-mismatch": {
    title: "Two sizes for one entry",
    severity: "high",
    effect: "Readers differ in where the entry ends and the next begins.",
  },
});

/** tar: ustar with GNU and pax extensions (POSIX.1-2017 pax, GNU tar manual), and the older form without a signature. */
export const tar: Format = {
  id: "tar",
  title: "tar archive",
  rules,
  detect: (head) => head.length >= BLOCK && head[0] !== 0 && hasChecksum(head),
  scan,
};

interface TarEntry {
  readonly name: string;
  readonly type: string;
  readonly link: string;
  readonly dataOffset: number;
  readonly bytes: number;
}

async function scan(source: Source, context: ScanContext): Promise<void> {
  const entries: TarEntry[] = [];
  const seen = new Set<string>();
  for (const entry of entriesOf(source, context)) {
    const place = { entry: entry.name, offset: entry.dataOffset - BLOCK };
    checkName(entry.name, context, place);
    if (entry.type === "1" || entry.type === "2") checkLink(entry.name, entry.link, context, place);
    if ("346".includes(entry.type))
      context.report(entryNameRules.device, `'${entry.name}' has the type ${entry.type}`, place);
    if (!isFile(entry)) continue;
    if (seen.has(entry.name)) context.report(rules["duplicate-name"], `'${entry.name}' comes again`, place);
    seen.add(entry.name);
    entries.push(entry);
  }
  const names = entries.map(({ name }) => name);
  const bundles = bundleFormats.filter((format) => format.detect(names));
  for (const entry of entries) {
    await context.inside(
      memberOf(source, entry),
      bundles.some(({ holdsNumbers }) => holdsNumbers?.(entry.name)),
    );
  }
  const byName = new Map(entries.map((entry) => [entry.name, entry]));
  const bundle: Bundle = {
    entry: source.entry,
    names,
    async open(name) {
      const entry = byName.get(name);
      return entry && memberOf(source, entry);
    },
  };
  await context.bundle(bundle);
}

function isFile({ type }: TarEntry): boolean {
  return type === "0" || type === "\0" || type === "7" || type === "S";
}

function memberOf(source: Source, { name, dataOffset, bytes }: TarEntry): Source {
  return slice(source, source.entry === "" ? name : `${source.entry}!${name}`, dataOffset, bytes);
}

function* entriesOf(source: Source, context: ScanContext): Generator<TarEntry> {
  let at = 0;
  let longName: string | undefined;
  let longLink: string | undefined;
  let pax: ReadonlyMap<string, string> = new Map();
  while (at + BLOCK <= source.size) {
    const header = new Uint8Array(source.read(at, BLOCK));
    if (header.every((byte) => byte === 0)) {
      reportTrailing(source, at, context);
      return;
    }
    if (!hasChecksum(header)) throw new ScanError("MALFORMED", `byte ${at}: expected the header of an entry`);
    context.countEntry();
    const type = String.fromCharCode(header[156]!);
    const stated = numberAt(header, 124, 12);
    const wide = pax.get("size");
    const bytes = wide === undefined ? stated : Number(wide);
    if (!Number.isSafeInteger(bytes) || bytes < 0)
      throw new ScanError("MALFORMED", `byte ${at}: an entry of ${wide ?? stated} bytes`);
    const dataOffset = at + BLOCK;
    if (dataOffset + bytes > source.size) {
      throw new ScanError(
        "MALFORMED",
        `byte ${at}: an entry of ${bytes} bytes, of which ${source.size - dataOffset} are there`,
      );
    }
    const text = () => decode(source.read(dataOffset, Math.min(bytes, LONGEST_NAME)));
    if (type === "L") longName = text().replace(/\0.*$/s, "");
    else if (type === "K") longLink = text().replace(/\0.*$/s, "");
    else if (type === "x" || type === "g") {
      pax = paxRecords(text());
    } else {
      const name = longName ?? pax.get("path") ?? nameOf(header);
      if (wide !== undefined && stated !== 0 && stated !== bytes) {
        context.report(rules["size-mismatch"], `'${name}': ${stated} bytes in the header, ${bytes} in its extension`, {
          entry: name,
          offset: at,
        });
      }
      const link = longLink ?? pax.get("linkpath") ?? textAt(header, 157, 100);
      yield { name, type, link, dataOffset, bytes: "123456".includes(type) ? 0 : bytes };
      longName = undefined;
      longLink = undefined;
      pax = new Map();
    }
    at = dataOffset + Math.ceil(("123456".includes(type) ? 0 : bytes) / BLOCK) * BLOCK;
  }
}

function reportTrailing(source: Source, end: number, context: ScanContext): void {
  for (let at = end; at < source.size; at += 2 ** 20) {
    const found = source.read(at, 2 ** 20).findIndex((byte) => byte !== 0);
    if (found < 0) continue;
    context.report(rules.trailing, `bytes from ${at + found} on`, { offset: at + found });
    return;
  }
}

/** The sum of all bytes of a header, its own field read as blanks, in either signedness. */
function hasChecksum(header: Uint8Array): boolean {
  const stated = numberAt(header, 148, 8);
  let sum = 0;
  let signed = 0;
  for (let at = 0; at < BLOCK; at++) {
    const byte = at >= 148 && at < 156 ? 0x20 : header[at]!;
    sum += byte;
    signed += byte > 127 ? byte - 256 : byte;
  }
  return isText(header.subarray(100, 108).filter((byte) => byte !== 0)) && (stated === sum || stated === signed);
}

/** An octal number, or one in base 256 where the first bit is set. */
function numberAt(header: Uint8Array, offset: number, length: number): number {
  if (header[offset]! & 0x80) {
    let value = header[offset]! & 0x7f;
    for (let at = 1; at < length; at++) value = value * 256 + header[offset + at]!;
    return value;
  }
  const digits = textAt(header, offset, length).trim();
  return digits === "" ? 0 : /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN;
}

function textAt(header: Uint8Array, offset: number, length: number): string {
  return decode(header.subarray(offset, offset + length)).replace(/\0.*$/s, "");
}

function nameOf(header: Uint8Array): string {
  const name = textAt(header, 0, 100);
  const isPosix = textAt(header, 257, 6) === "ustar";
  const prefix = isPosix ? textAt(header, 345, 155) : "";
  return prefix === "" ? name : `${prefix}/${name}`;
}

/** "LENGTH KEY=VALUE\n" records. */
function paxRecords(text: string): ReadonlyMap<string, string> {
  const records = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [, key, value] = /^\d+ ([^=]+)=(.*)$/s.exec(line) ?? [];
    if (key !== undefined && value !== undefined) records.set(key, value);
  }
  return records;
}

function decode(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("utf8");
}
