import { ScanError } from "../../errors.ts";
import type { Format } from "../../format.ts";
import { rulesOf } from "../../rule.ts";
import { type Source, slice } from "../../sources/source.ts";

const rules = rulesOf("npy", {
  objects: {
    title: "Array of Python objects",
    severity: "high",
    effect: "Its values are a pickle, which a loader that allows pickles runs (CVE-2019-6446).",
    atlas: ["AML.T0010", "AML.T0011"],
  },
  "header-code": {
    title: "Header that is more than a literal",
    severity: "critical",
    effect: "A loader that evaluates the header runs it.",
    atlas: ["AML.T0010", "AML.T0011"],
  },
  size: {
    title: "Shape that does not fit the data",
    severity: "high",
    effect: "A loader allocates what the shape says, or reads beyond the array.",
  },
});

const MAGIC = [0x93, ...Buffer.from("NUMPY")];
const LONGEST_HEADER = 2 ** 20;

/** NumPy arrays (NEP 1). Their header is a Python literal, which is never evaluated here. */
export const npy: Format = {
  id: "npy",
  title: "NumPy array",
  rules,
  detect: (head) => MAGIC.every((byte, at) => head[at] === byte),
  async scan(source, context) {
    const { header, dataOffset } = headerOf(source);
    const { descr, shape } = parseHeader(header);
    if (descr === undefined || shape === undefined) {
      context.report(
        rules["header-code"],
        `expected a dictionary with descr, fortran_order and shape, got ${header.slice(0, 200)}`,
      );
      return;
    }
    const data = slice(
      source,
      source.entry === "" ? "(values)" : `${source.entry}!(values)`,
      dataOffset,
      source.size - dataOffset,
    );
    if (/(^|['"(])[<>|=]?O\d*['"]/.test(descr)) {
      context.report(rules.objects, `type ${descr}`);
      await context.inside(data);
      return;
    }
    const [, kind, width] = /^['"][<>|=]?([a-zA-Z])(\d*)['"]$/.exec(descr) ?? [];
    if (kind === undefined) return; // of several fields, none of which is an object
    const bytes = shape.reduce((product, length) => product * length, Number(width) * (kind === "U" ? 4 : 1));
    if (bytes === data.size) return;
    context.report(
      rules.size,
      `shape (${shape.join(", ")}) of ${descr}: expected ${bytes} bytes of values, got ${data.size}`,
    );
    if (bytes < data.size) await context.inside(slice(data, data.entry, bytes, data.size), true);
  },
};

function headerOf(source: Source): { readonly header: string; readonly dataOffset: number } {
  const start = Buffer.from(source.read(0, 12));
  if (start.length < 12) throw new ScanError("MALFORMED", "npy: cut off within the header");
  const major = start[6]!;
  if (major < 1 || major > 3) throw new ScanError("UNSUPPORTED", `npy: version ${major}`);
  const length = major === 1 ? start.readUInt16LE(8) : start.readUInt32LE(8);
  const from = major === 1 ? 10 : 12;
  if (length > LONGEST_HEADER) throw new ScanError("LIMIT_EXCEEDED", `npy: a header of ${length} bytes`);
  const bytes = source.read(from, length);
  if (bytes.length < length) throw new ScanError("MALFORMED", "npy: cut off within the header");
  return { header: Buffer.from(bytes).toString("utf8"), dataOffset: from + length };
}

/** The header's entries where it is the plain dictionary that NumPy writes. */
function parseHeader(header: string): { readonly descr?: string; readonly shape?: readonly number[] } {
  const [, descr, shape] =
    /^\s*\{\s*'descr':\s*('[^'()]*'|\[[^()]*(?:\([^()]*(?:\([^()]*\)[^()]*)?\)[^()]*)*\])\s*,\s*'fortran_order':\s*(?:True|False)\s*,\s*'shape':\s*\(([\d,\sL]*)\)\s*,?\s*\}\s*$/.exec(
      header,
    ) ?? [];
  if (descr === undefined || shape === undefined) return {};
  const lengths = shape
    .split(",")
    .map((each) => each.trim().replace(/L$/, ""))
    .filter((each) => each !== "");
  return { descr, shape: lengths.map(Number) };
}
