import type { ScanContext } from "../../../format.ts";
import type { Gap } from "./local-entries.ts";
import { zipRules } from "./rules.ts";
import { type DirectoryEntry, FLAGS, type LocalEntry } from "./zip-entry.ts";

/** Flags in which a directory and a header may differ: only the compression level's hints. */
const HINTS = 0x6;

/** Reports everything in which the directory and the headers before the data disagree. */
export function compareEntries(
  directory: readonly DirectoryEntry[],
  local: readonly LocalEntry[],
  context: ScanContext,
): void {
  const headers = new Map(local.map((entry) => [entry.headerOffset, entry]));
  const listed = new Set(directory.map(({ headerOffset }) => headerOffset));
  const names = new Map<string, number>();
  for (const entry of directory) {
    const place = { entry: entry.name, offset: entry.headerOffset };
    const key = entry.name.toLowerCase();
    names.set(key, (names.get(key) ?? 0) + 1);
    if (names.get(key) === 2) {
      context.report(zipRules["duplicate-name"], `the directory lists '${entry.name}' again`, place);
    }
    const header = headers.get(entry.headerOffset);
    if (header) compare(entry, header, context);
    else
      context.report(
        zipRules["no-header"],
        `expected the header of '${entry.name}' at byte ${entry.headerOffset}`,
        place,
      );
    if (entry.flags & (FLAGS.encrypted | FLAGS.strongEncryption | FLAGS.patched)) {
      context.report(zipRules.encrypted, `'${entry.name}' has the flags 0x${entry.flags.toString(16)}`, place);
    }
  }
  for (const { headerOffset, name } of local) {
    if (listed.has(headerOffset)) continue;
    const place = { entry: name, offset: headerOffset };
    context.report(zipRules["not-in-directory"], `the header at byte ${headerOffset} begins '${name}'`, place);
  }
  reportOverlaps(directory, headers, context);
}

function compare(listed: DirectoryEntry, header: LocalEntry, context: ScanContext): void {
  const place = { entry: listed.name, offset: listed.headerOffset };
  if (listed.name !== header.name) {
    context.report(
      zipRules["name-mismatch"],
      `'${listed.name}' in the directory, '${header.name}' in the header`,
      place,
    );
  }
  if (listed.method !== header.method) {
    const text = `'${listed.name}': method ${listed.method} in the directory, ${header.method} in the header`;
    context.report(zipRules["method-mismatch"], text, place);
  }
  if ((listed.flags ^ header.flags) & ~HINTS) {
    const [one, other] = [listed.flags, header.flags].map((flags) => `0x${flags.toString(16)}`);
    context.report(
      zipRules["flag-mismatch"],
      `'${listed.name}': ${one} in the directory, ${other} in the header`,
      place,
    );
  }
  const isLeftOut = header.isStreamed && header.packedBytes === 0 && header.bytes === 0 && header.crc === 0;
  if (isLeftOut) return;
  for (const [what, one, other] of [
    ["packed bytes", listed.packedBytes, header.packedBytes],
    ["bytes", listed.bytes, header.bytes],
    ["as checksum", listed.crc, header.crc],
  ] as const) {
    if (one === other) continue;
    const text = `'${listed.name}': ${one} ${what} in the directory, ${other} in the header`;
    context.report(zipRules["size-mismatch"], text, place);
  }
}

function reportOverlaps(
  directory: readonly DirectoryEntry[],
  headers: ReadonlyMap<number, LocalEntry>,
  context: ScanContext,
): void {
  const sorted = [...directory].sort((a, b) => a.headerOffset - b.headerOffset);
  let covered = 0;
  for (const { name, headerOffset, packedBytes } of sorted) {
    if (headerOffset < covered) {
      context.report(
        zipRules.overlap,
        `'${name}' begins at byte ${headerOffset}, within an entry that ends at ${covered}`,
        {
          entry: name,
          offset: headerOffset,
        },
      );
      return; // one says it all
    }
    covered = Math.max(covered, (headers.get(headerOffset)?.dataOffset ?? headerOffset) + packedBytes);
  }
}

/** Reports what lies before, between and behind the entries. */
export function reportGaps(gaps: readonly Gap[], firstHeader: number, context: ScanContext): void {
  for (const { offset, bytes } of gaps) {
    const rule = offset < firstHeader ? zipRules.prefix : zipRules.gap;
    context.report(rule, `${bytes} bytes that belong to no entry`, { offset });
  }
}
