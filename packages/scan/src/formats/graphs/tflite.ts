import { ScanError } from "../../errors.ts";
import type { Format } from "../../format.ts";
import { rulesOf } from "../../rule.ts";
import { viewOf } from "../../sources/little-endian.ts";
import type { Source } from "../../sources/source.ts";

const RUNS_CODE = { atlas: ["AML.T0010", "AML.T0011"] };

const rules = rulesOf("tflite", {
  "out-of-bounds": {
    title: "Offset outside of the file",
    severity: "high",
    effect: "A runtime that does not verify the file reads or writes beyond its memory.",
  },
  "python-operator": {
    ...RUNS_CODE,
    title: "TensorFlow operator that runs Python or touches files",
    severity: "critical",
    effect: "Running the model with the Flex delegate runs it.",
  },
  "custom-operator": {
    ...RUNS_CODE,
    title: "Operator of a library that the program has to bring",
    severity: "medium",
    effect: "The model runs only with a library, which does whatever it does.",
  },
});

/** Operators that Google's own libraries bring, and that models of many phones hold. */
const USUAL =
  /^(TFLite_Detection_PostProcess|MaxPoolingWithArgmax2D|MaxUnpooling2D|Convolution2DTransposeBias|AudioSpectrogram|Mfcc|NumericVerify|edgetpu-custom-op|Flex(?!PyFunc|EagerPyFunc|PyFuncStateless|ReadFile|WriteFile|LoadLibrary|MatchingFiles|SaveV2|Save|MergeV2)\w+)$/;

/** TensorFlow Lite models (schema.fbs, version 3): their operators, every offset held against the file. */
export const tflite: Format = {
  id: "tflite",
  title: "TensorFlow Lite",
  rules,
  detect: (head) => Buffer.from(head.subarray(4, 8)).toString("latin1") === "TFL3",
  scan(source, context) {
    try {
      for (const name of customOperators(source)) {
        const part = `operator '${name}'`;
        if (
          /^Flex(PyFunc|EagerPyFunc|PyFuncStateless|ReadFile|WriteFile|LoadLibrary|MatchingFiles|SaveV2|Save|MergeV2)/.test(
            name,
          )
        )
          context.report(rules["python-operator"], name, { part });
        else if (!USUAL.test(name)) context.report(rules["custom-operator"], name, { part });
      }
    } catch (error) {
      if (!(error instanceof ScanError)) throw error;
      context.report(rules["out-of-bounds"], error.message);
      throw error;
    }
  },
};

function* customOperators(source: Source): Generator<string> {
  const model = viewOf(source, 0, 4).getUint32(0, true);
  const codes = follow(source, model, 1);
  if (codes === undefined) return;
  const count = viewOf(source, codes, 4).getUint32(0, true);
  if (codes + 4 + count * 4 > source.size)
    throw new ScanError("MALFORMED", `byte ${codes}: a list of ${count} operators`);
  for (let each = 0; each < count; each++) {
    const at = codes + 4 + each * 4;
    const name = follow(source, at + viewOf(source, at, 4).getUint32(0, true), 1);
    if (name === undefined) continue;
    const length = viewOf(source, name, 4).getUint32(0, true);
    viewOf(source, name + 4, Math.min(length, source.size)); // within the file
    yield Buffer.from(source.read(name + 4, Math.min(length, 256))).toString("utf8");
  }
}

/** Where the offset in a field of a table leads; undefined if the table leaves it out. Throws MALFORMED. */
function follow(source: Source, table: number, field: number): number | undefined {
  const vtable = table - viewOf(source, table, 4).getInt32(0, true);
  if (vtable < 0) throw new ScanError("MALFORMED", `byte ${table}: a table whose description lies before the file`);
  const length = viewOf(source, vtable, 4).getUint16(0, true);
  if (4 + field * 2 + 2 > length) return undefined;
  const offset = viewOf(source, vtable + 4 + field * 2, 2).getUint16(0, true);
  if (offset === 0) return undefined;
  const target = table + offset + viewOf(source, table + offset, 4).getUint32(0, true);
  if (target + 4 > source.size)
    throw new ScanError("MALFORMED", `byte ${table + offset}: leads to byte ${target} of ${source.size}`);
  return target;
}
