import type { Format, ScanContext } from "../../format.ts";
import { rulesOf } from "../../rule.ts";
import { type Source, slice } from "../../sources/source.ts";
import { inflate, type Wrapping } from "./decoders/inflate.ts";

const rules = rulesOf("gzip", {
  trailing: {
    title: "Data behind the compressed stream",
    severity: "medium",
    effect: "Readers ignore it, other programs may read it.",
  },
});

/** gzip (RFC 1952), as one stream or several in a row. */
export const gzip: Format = {
  id: "gzip",
  title: "gzip",
  rules,
  detect: ([first, second, method]) => first === 0x1f && second === 0x8b && method === 8,
  scan: (source, context) => scanDeflated(source, "gzip", context),
};

/** zlib (RFC 1950), in which joblib wraps pickles. */
export const zlib: Format = {
  id: "zlib",
  title: "zlib",
  rules: {},
  detect: ([method, flags], { size }) => size >= 8 && method === 0x78 && [0x01, 0x5e, 0x9c, 0xda].includes(flags ?? 0),
  scan: (source, context) => scanDeflated(source, "zlib", context),
};

async function scanDeflated(source: Source, wrapping: Wrapping, context: ScanContext): Promise<void> {
  let used = source.size;
  const parts = inflate(source, wrapping, (bytes) => {
    used = bytes;
  });
  await context.inside(await context.unpack(unpackedName(source), source.size, parts));
  if (used >= source.size) return;
  context.report(rules.trailing, `${source.size - used} bytes behind the stream`, { offset: used });
  await context.inside(slice(source, `${unpackedName(source)} (behind it)`, used, source.size - used), true);
}

/** What the content of a compressed file is called in findings. */
export function unpackedName({ entry }: Source): string {
  return entry === "" ? "(unpacked)" : `${entry}!(unpacked)`;
}
