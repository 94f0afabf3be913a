import type { Format } from "../../format.ts";
import { onnxRules, reportExternalPaths } from "./onnx.ts";
import { fieldsOf, topFields } from "./wire.ts";

const DATA = [4, 5, 6, 7, 9, 10, 11, 13];

/** One tensor of ONNX in a file of its own, as the data sets beside models are kept. */
export const onnxTensor: Format = {
  id: "onnx-tensor",
  title: "ONNX tensor",
  rules: onnxRules,
  detect(_, source) {
    const found = topFields(
      source,
      (number, wire) => number <= 16 && (number === 2 || number === 14 ? wire === 0 : number === 8 ? wire === 2 : true),
    );
    return (
      found?.has(2) === true &&
      !found.has(16) &&
      !found.has(3) &&
      (found.has(1) || found.has(8)) &&
      DATA.some((number) => found.has(number))
    );
  },
  scan(source, context) {
    for (const field of fieldsOf(source))
      if (field.number === 13) reportExternalPaths(source, field, "the tensor", context);
  },
};
