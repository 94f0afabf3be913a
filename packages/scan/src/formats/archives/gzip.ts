import type { Format, ScanContext } from "../../format.ts";
import { rulesOf } from "../../rule.ts";
import { type Source, slice } from "../../sources/source.ts";
import { gunzip, isGzip } from "./decoders/gunzip.ts";
import { inflate } from "./decoders/inflate.ts";

const rules = rulesOf("gzip", {
  trailing: {
    title: "Data behind the compressed stream",
    severity: "medium",
    effect: "Readers ignore it, other programs may read it.",
  },
  "wrong-checksum": {
    title: "Data that does not fit its checksum",
    severity: "high",
    effect: "A scanner stops with an error where a loader that checks nothing goes on.",
  },
});

/** gzip (RFC 1952), as one stream or several in a row. */
export const gzip: Format = {
  id: "gzip",
  title: "gzip",
  rules,
  detect: (_, source) => isGzip(source, 0),
  async scan(source, context) {
    let end = source.size;
    const parts = gunzip(
      source,
      (offset) => {
        end = offset;
      },
      (offset) => context.report(rules["wrong-checksum"], "checksum or length behind the data", { offset }),
    );
    await context.inside(await context.unpack(unpackedName(source), source.size, parts));
    await scanTrailing(source, end, context);
  },
};

/** zlib (RFC 1950), in which joblib wraps pickles. */
export const zlib: Format = {
  id: "zlib",
  title: "zlib",
  rules: {},
  detect: (head, { size }) =>
    size >= 8 &&
    head[0] === 0x78 &&
    [0x01, 0x5e, 0x9c, 0xda].includes(head[1] ?? 0) &&
    head.subarray(2, 8).some((byte) => byte !== 0), // a length, in safetensors; no stream of deflate begins so
  async scan(source, context) {
    let end = source.size;
    const parts = inflate(source, "zlib", (bytes) => {
      end = bytes;
    });
    await context.inside(await context.unpack(unpackedName(source), source.size, parts));
    await scanTrailing(source, end, context);
  },
};

async function scanTrailing(source: Source, end: number, context: ScanContext): Promise<void> {
  if (end >= source.size) return;
  context.report(rules.trailing, `${source.size - end} bytes behind the stream`, { offset: end });
  await context.inside(slice(source, `${unpackedName(source)} (behind it)`, end, source.size - end), true);
}

/** What the content of a compressed file is called in findings. */
export function unpackedName({ entry }: Source): string {
  return entry === "" ? "(unpacked)" : `${entry}!(unpacked)`;
}
