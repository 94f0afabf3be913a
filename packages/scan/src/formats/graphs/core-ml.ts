import type { Format, ScanContext } from "../../format.ts";
import { rulesOf } from "../../rule.ts";
import type { Source } from "../../sources/source.ts";
import { type Field, fieldsOf, textOfField, topFields } from "./wire.ts";

const rules = rulesOf("core-ml", {
  "custom-class": {
    title: "Class that the program has to bring",
    severity: "medium",
    effect: "Running the model calls a class of the program, by its name.",
    atlas: ["AML.T0010", "AML.T0011"],
  },
  "linked-path": {
    title: "Model or weights from outside of the package",
    severity: "critical",
    effect: "Loading the model reads a file elsewhere on the machine.",
  },
});

const NEURAL_NETWORKS = new Set([303, 403, 500]);
const PIPELINES = new Set([200, 201, 202]);
const CUSTOM_MODEL = 555;
const LINKED_MODEL = 556;
const CUSTOM_LAYER = 500;
const DEEPEST = 16;

/** Core ML models (apple/coremltools, Model.proto): custom classes and linked files, in pipelines too. */
export const coreMl: Format = {
  id: "core-ml",
  title: "Core ML model",
  rules,
  detect(head, source) {
    if (head[0] !== 0x08) return false;
    const found = topFields(
      source,
      (number, wire) =>
        (number === 1 && wire === 0) ||
        (number === 2 && wire === 2) ||
        (number === 10 && wire === 0) ||
        (number >= 200 && number <= 3000 && wire === 2),
    );
    return found?.has(1) === true && [...found].some((number) => number >= 200);
  },
  scan(source, context) {
    scanModel(source, { number: 0, wire: 2, value: 0, offset: 0, bytes: source.size }, context, 0);
  },
};

function inner(source: Source, { offset, bytes }: Field): Generator<Field> {
  return fieldsOf(source, offset, offset + bytes);
}

function scanModel(source: Source, model: Field, context: ScanContext, depth: number): void {
  if (depth > DEEPEST) return;
  for (const field of inner(source, model)) {
    if (NEURAL_NETWORKS.has(field.number)) {
      for (const layer of inner(source, field)) {
        if (layer.number !== 1) continue;
        for (const kind of inner(source, layer))
          if (kind.number === CUSTOM_LAYER) reportClass(source, kind, "custom layer", context);
      }
    } else if (PIPELINES.has(field.number)) scanPipeline(source, field, field.number === 202, context, depth);
    else if (field.number === CUSTOM_MODEL) reportClass(source, field, "custom model", context);
    else if (field.number === LINKED_MODEL) reportPaths(source, field, context, 0);
  }
}

/** A pipeline is a list of models; as a classifier or a regressor it is wrapped once more. */
function scanPipeline(source: Source, pipeline: Field, isPlain: boolean, context: ScanContext, depth: number): void {
  for (const field of inner(source, pipeline)) {
    if (field.number !== 1 || field.wire !== 2) continue;
    if (isPlain) scanModel(source, field, context, depth + 1);
    else scanPipeline(source, field, true, context, depth + 1);
  }
}

function reportClass(source: Source, message: Field, what: string, context: ScanContext): void {
  for (const field of inner(source, message)) {
    if (field.number === 10 && field.wire === 2)
      context.report(rules["custom-class"], `${what} '${textOfField(source, field, 200)}'`, { offset: message.offset });
  }
}

function reportPaths(source: Source, message: Field, context: ScanContext, depth: number): void {
  if (depth > 4) return;
  for (const field of inner(source, message)) {
    if (field.wire !== 2) continue;
    const text = textOfField(source, field, 4096);
    if (/^[\\/]|(^|[\\/])\.\.([\\/]|$)/.test(text))
      context.report(rules["linked-path"], text, { offset: field.offset });
    else if (!/^[\x20-\x7e]*$/.test(text)) reportPaths(source, field, context, depth + 1);
  }
}
