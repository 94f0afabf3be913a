import { ScanError } from "../../../errors.ts";
import type { Format, ScanContext } from "../../../format.ts";
import { viewOf } from "../../../sources/little-endian.ts";
import { type Source, slice } from "../../../sources/source.ts";
import { checkTemplate } from "../templates/check-template.ts";
import { templateRules } from "../templates/template-rules.ts";
import { Cursor } from "./cursor.ts";
import { ggufRules, ruleForNumber } from "./gguf-rules.ts";
import { readSettings } from "./settings.ts";
import { checkPlaces, readTensors } from "./tensors.ts";

const MAGIC = [0x47, 0x47, 0x55, 0x46];
const SMALLEST_SETTING = 8 + 4 + 1;
const SMALLEST_TENSOR = 8 + 4 + 4 + 8;

/** GGUF (docs/gguf.md of ggml), versions 2 and 3 in either byte order: settings, what is said of the tensors, their bytes. */
export const gguf: Format = {
  id: "gguf",
  title: "GGUF",
  rules: { ...ggufRules, ...templateRules },
  detect: (head) => head.length >= 8 && MAGIC.every((byte, at) => head[at] === byte),
  scan,
};

async function scan(source: Source, context: ScanContext): Promise<void> {
  const version = viewOf(source, 4, 4);
  const isLittleEndian = version.getUint16(0, true) !== 0;
  const number = version.getUint32(0, isLittleEndian);
  if (number < 2 || number > 3) throw new ScanError("UNSUPPORTED", `GGUF: version ${number}: expected 2 or 3`);
  const cursor = new Cursor(source, 8, isLittleEndian);
  const tensorCount = cursor.uint64();
  const settingCount = cursor.uint64();
  if (tensorCount * SMALLEST_TENSOR + settingCount * SMALLEST_SETTING > cursor.left) {
    const text = `${settingCount} settings and ${tensorCount} tensors in ${cursor.left} bytes`;
    context.report(ruleForNumber(tensorCount + settingCount), text, { offset: 8 });
    throw new ScanError("MALFORMED", text);
  }
  const { alignment, templates } = readSettings(cursor, settingCount, context);
  for (const [key, template] of templates) checkTemplate(template, { part: key }, context);
  const tensors = readTensors(cursor, tensorCount, alignment, context);
  const dataOffset = Math.ceil(cursor.at / alignment) * alignment;
  const end = dataOffset + checkPlaces(tensors, Math.max(0, source.size - dataOffset), context);
  if (source.size - end < alignment) return;
  context.report(ggufRules.trailing, `${source.size - end} bytes behind the last tensor`, { offset: end });
  const entry = source.entry === "" ? "(behind the tensors)" : `${source.entry}!(behind the tensors)`;
  await context.inside(slice(source, entry, end, source.size - end), true);
}
