import { ScanError } from "../../../errors.ts";
import type { Format, ScanContext } from "../../../format.ts";
import { rulesOf } from "../../../rule.ts";
import { uint64, viewOf } from "../../../sources/little-endian.ts";
import { readText } from "../../../sources/read-text.ts";
import { type Source, slice } from "../../../sources/source.ts";
import { duplicateKeys } from "../duplicate-keys.ts";
import { isRecord } from "../walk-json.ts";
import { type Problem, tensorProblems } from "./tensors.ts";

const rules = rulesOf("safetensors", {
  header: {
    title: "Header that the format does not allow",
    severity: "high",
    effect: "A strict loader refuses it; a lax one reads what a scanner did not.",
  },
  "duplicate-key": {
    title: "Name that comes twice in the header",
    severity: "high",
    effect: "Loaders differ in which of the two they take, so one tensor can be shown and another used.",
  },
  offsets: {
    title: "Tensors that overlap, leave holes or lie outside the file",
    severity: "high",
    effect: "A lax loader reads beyond its buffer; a hole can hold another file.",
  },
  size: {
    title: "Tensor whose shape does not fit its bytes",
    severity: "high",
    effect: "A lax loader reads beyond the tensor.",
  },
  trailing: {
    title: "Data behind the last tensor",
    severity: "high",
    effect: "The file can be another one as well, for a loader that looks from its end.",
  },
  metadata: {
    title: "Metadata that is more than a description",
    severity: "medium",
    effect: "A program that follows or evaluates its metadata fetches or runs something.",
  },
});

const LONGEST_HEADER = 100_000_000; // MAX_HEADER_SIZE of the reference implementation
const FROM = 8;
const CODE =
  /\b(?:__import__|eval|exec|os\.(?:system|popen)|subprocess\.|pickle\.loads?|base64\.b64decode|importlib\.)\s*\(?|<script\b|\bjavascript:|\{\{.{0,200}__\w+__|\$\(|;\s*(?:curl|wget)\s/i;
const URL_OUTSIDE =
  /\b(?:https?|ftp|file):\/\/(?!(?:huggingface\.co|github\.com|arxiv\.org|creativecommons\.org|www\.apache\.org|opensource\.org)(?:\/|$))[^\s"'<>]{1,200}/i;

/** safetensors (the format's README, version 0.4 and later): a JSON header that says where each tensor lies, then the bytes. */
export const safetensors: Format = {
  id: "safetensors",
  title: "safetensors",
  rules,
  detect,
  scan,
};

/** A length of less than 2^40 and a JSON object behind it; white space before it is an error of which the scan tells. */
function detect(head: Uint8Array): boolean {
  if (head.length < FROM + 2 || head[5] !== 0 || head[6] !== 0 || head[7] !== 0) return false;
  const text = Buffer.from(head.subarray(FROM, FROM + 64)).toString("latin1");
  return /^\s*\{\s*["}]/.test(text) && (head[0] !== 0 || head[1] !== 0 || head[2] !== 0 || head[3] !== 0);
}

async function scan(source: Source, context: ScanContext): Promise<void> {
  const length = uint64(viewOf(source, 0, FROM), 0);
  if (length > LONGEST_HEADER) {
    context.report(rules.header, `a header of ${length} bytes: expected at most ${LONGEST_HEADER}`);
  }
  if (length > source.size - FROM) {
    context.report(rules.header, `a header of ${length} bytes in a file of ${source.size}`);
    throw new ScanError("MALFORMED", `a header of ${length} bytes: got ${source.size - FROM}`);
  }
  const text = readText(slice(source, source.entry, FROM, length), context.limits);
  if (!text.startsWith("{")) context.report(rules.header, "expected { as its first byte", { offset: FROM });
  const header = parse(text, context);
  for (const key of duplicateKeys(text)) context.report(rules["duplicate-key"], `'${key}' comes twice`, { part: key });
  checkMetadata(header.__metadata__, context);
  const { problems, end } = tensorProblems(header, source.size - FROM - length);
  for (const problem of problems) report(problem, FROM + length, context);
  const dataEnd = FROM + length + end;
  if (dataEnd >= source.size) return;
  context.report(rules.trailing, `${source.size - dataEnd} bytes behind the last tensor`, { offset: dataEnd });
  const entry = source.entry === "" ? "(behind the tensors)" : `${source.entry}!(behind the tensors)`;
  await context.inside(slice(source, entry, dataEnd, source.size - dataEnd), true);
}

function parse(text: string, context: ScanContext): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    context.report(rules.header, "it is not JSON", { offset: FROM });
    throw new ScanError("MALFORMED", `header: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
  if (!isRecord(value)) throw new ScanError("MALFORMED", "header: expected an object");
  return value;
}

function report({ rule, tensor, text, offset }: Problem, dataOffset: number, context: ScanContext): void {
  context.report(rules[rule], `'${tensor}': ${text}`, {
    part: tensor,
    ...(offset !== undefined && { offset: dataOffset + offset }),
  });
}

function checkMetadata(metadata: unknown, context: ScanContext): void {
  if (metadata === undefined) return;
  const place = { part: "__metadata__" };
  if (!isRecord(metadata)) {
    context.report(rules.metadata, "expected an object of texts", place);
    return;
  }
  for (const [key, value] of Object.entries(metadata)) {
    if (typeof value !== "string") {
      context.report(rules.metadata, `'${key}': expected a text, got ${typeof value}`, place);
      continue;
    }
    const [found] = CODE.exec(value) ?? URL_OUTSIDE.exec(value) ?? [];
    if (found !== undefined) context.report(rules.metadata, `'${key}' holds ${found}`, place);
  }
}
