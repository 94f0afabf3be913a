import { crc32 } from "node:zlib";
import type { Bundle, Format, ScanContext } from "../../../format.ts";
import { chunks, type Source, slice } from "../../../sources/source.ts";
import { bundleFormats } from "../../bundles/bundle-formats.ts";
import { decoderOfZipMethod } from "../decoders/zip-methods.ts";
import { checkLink, checkName } from "../entry-names.ts";
import { compareEntries, reportGaps } from "./compare-entries.ts";
import { localEntryAt, walkLocalEntries } from "./local-entries.ts";
import { zipRules } from "./rules.ts";
import { findEnd, readDirectory, type ZipEnd } from "./zip-directory.ts";
import type { DirectoryEntry, ZipEntry } from "./zip-entry.ts";

/**
 * Zip archives (PKWARE APPNOTE 6.3.10), walked twice: by the directory at the end, as most readers do, and header by header from
 * the beginning. Whatever the two disagree about is a finding.
 */
export const zip: Format = {
  id: "zip",
  title: "Zip archive",
  rules: zipRules,
  detect: (head, source) => beginsWithHeader(head) || findEnd(source) !== undefined,
  scan,
};

function beginsWithHeader([p, k, three, four]: Uint8Array): boolean {
  return p === 0x50 && k === 0x4b && ((three === 3 && four === 4) || (three === 5 && four === 6));
}

async function scan(source: Source, context: ScanContext): Promise<void> {
  const end = findEnd(source);
  if (!end) {
    context.report(zipRules["no-directory"], "no end record in the last 64 KiB");
    const { entries } = walkLocalEntries(source, source.size, () => undefined, context);
    return scanEntries(source, entries, context);
  }
  reportSurroundings(source, end, context);
  const directory = readDirectory(source, end, context);
  if (directory.length !== end.count) {
    context.report(zipRules["directory-count"], `${directory.length} entries; the end record says ${end.count}`);
  }
  const sizes = new Map(directory.map(({ headerOffset, packedBytes }) => [headerOffset, packedBytes]));
  const directoryStart = end.directoryOffset + end.prefixBytes;
  const { entries: local, gaps } = walkLocalEntries(source, directoryStart, (offset) => sizes.get(offset), context);
  compareEntries(directory, local, context);
  reportGaps(gaps, Math.min(...directory.slice(0, 1000).map(({ headerOffset }) => headerOffset)), context);
  for (const { offset, bytes } of gaps)
    await context.inside(slice(source, inEntry(source, `bytes from ${offset}`), offset, bytes), true);
  const listed = new Set(directory.map(({ headerOffset }) => headerOffset));
  await scanEntries(source, [...directory, ...local.filter(({ headerOffset }) => !listed.has(headerOffset))], context);
}

function reportSurroundings(source: Source, end: ZipEnd, context: ScanContext): void {
  if (end.comment !== "") context.report(zipRules.comment, end.comment, { offset: end.offset });
  if (end.end < source.size) {
    context.report(zipRules.trailing, `${source.size - end.end} bytes behind the end record`, { offset: end.end });
  }
}

async function scanEntries(source: Source, entries: readonly ZipEntry[], context: ScanContext): Promise<void> {
  const names = entries.map(({ name }) => name);
  const bundles = bundleFormats.filter((format) => format.detect(names));
  for (const entry of entries) {
    checkName(entry.name, context, { entry: entry.name, offset: entry.headerOffset });
    if (isFolder(entry)) continue;
    const holdsNumbers = bundles.some((bundle) => bundle.holdsNumbers?.(entry.name));
    if (holdsNumbers && !context.limits.checksums) continue;
    await context.attempt(inEntry(source, entry.name), async () => {
      const member = await openEntry(source, entry, context);
      if (!member) return;
      if (isLink(entry)) checkLink(entry.name, linkTarget(member), context, { entry: entry.name });
      await context.inside(member, holdsNumbers);
    });
  }
  const byName = new Map(entries.map((entry) => [entry.name, entry]));
  const bundle: Bundle = {
    entry: source.entry,
    names,
    async open(name) {
      const entry = byName.get(name);
      return entry && openEntry(source, entry, { ...context, limits: { ...context.limits, checksums: false } });
    },
  };
  await context.bundle(bundle);
}

function isFolder({ name, packedBytes }: ZipEntry): boolean {
  return name.endsWith("/") && packedBytes === 0;
}

function isLink(entry: ZipEntry): boolean {
  return "unixMode" in entry && ((entry as DirectoryEntry).unixMode & 0xf000) === 0xa000;
}

function linkTarget(member: Source): string {
  return Buffer.from(member.read(0, 4096)).toString("utf8");
}

/** The unpacked data of an entry; undefined where it cannot be had, which has been reported then. */
async function openEntry(source: Source, entry: ZipEntry, context: ScanContext): Promise<Source | undefined> {
  const name = inEntry(source, entry.name);
  const dataOffset = localEntryAt(source, entry.headerOffset)?.dataOffset;
  if (dataOffset === undefined) return undefined; // reported as "no-header"
  const packed = slice(source, name, dataOffset, entry.packedBytes);
  if (entry.method === 0) {
    if (context.limits.checksums) checkSum(entry, sumOf(chunks(packed)), context);
    return packed;
  }
  let sum = 0;
  const summed = async function* () {
    for await (const part of decoderOfZipMethod(entry.method, packed)) {
      if (context.limits.checksums) sum = crc32(part, sum);
      yield part;
    }
  };
  const unpacked = await context.unpack(name, entry.packedBytes, summed());
  if (context.limits.checksums) checkSum(entry, sum, context);
  return unpacked;
}

function sumOf(parts: Iterable<Uint8Array>): number {
  let sum = 0;
  for (const part of parts) sum = crc32(part, sum);
  return sum;
}

function checkSum({ name, crc, headerOffset }: ZipEntry, found: number, context: ScanContext): void {
  if (found === crc) return;
  const text = `'${name}': the data has the checksum ${hex(found)}, the archive says ${hex(crc)}`;
  context.report(zipRules["wrong-checksum"], text, { entry: name, offset: headerOffset });
}

function hex(sum: number): string {
  return `0x${(sum >>> 0).toString(16).padStart(8, "0")}`;
}

function inEntry({ entry }: Source, name: string): string {
  return entry === "" ? name : `${entry}!${name}`;
}
