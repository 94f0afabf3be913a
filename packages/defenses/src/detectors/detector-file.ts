import { createHash } from "node:crypto";
import { encodeModel, type Model } from "@casemate/onnx";
import { DefenseError } from "../errors.ts";
import { type FittedDetector, openDetector } from "./open-detector.ts";

/**
 * A detector as one ONNX model, to be written with `writeModel`: outputs logits and score, and in its metadata the kind, the
 * threshold, the spread of clean scores, the false-positive rate that was asked for, the rows that a sample takes and the digest of the classifier.
 */
export function saveDetector({ model, name, ...fitted }: FittedDetector): Model {
  const metadata = new Map(model.metadata).set(KIND, name).set(DIGEST, fitted.modelDigest);
  for (const key of numbers) metadata.set(PREFIX + key, String(fitted[key]));
  return { ...model, metadata };
}

/** The detector that `saveDetector` gave, with the same scores to the bit. Throws UNSUPPORTED_MODEL for any other model. */
export async function loadDetector(model: Model): Promise<FittedDetector> {
  const name = model.metadata.get(KIND);
  const modelDigest = model.metadata.get(DIGEST);
  if (!name || !modelDigest || model.graph.outputs.length !== 2) {
    const got = `${name ? `kind '${name}'` : "no kind"} and ${model.graph.outputs.length} outputs`;
    throw new DefenseError(
      "UNSUPPORTED_MODEL",
      `loadDetector: expected a model with the metadata '${KIND}' and '${DIGEST}' and two outputs, got ${got}`,
    );
  }
  const [threshold, scale, falsePositiveRate, copies] = numbers.map((key) => {
    const text = model.metadata.get(PREFIX + key);
    const value = text ? Number(text) : Number.NaN;
    if (Number.isFinite(value)) return value;
    const got = text === undefined ? "nothing" : `'${text}'`;
    throw new DefenseError(
      "UNSUPPORTED_MODEL",
      `loadDetector: metadata '${PREFIX + key}': expected a number, got ${got}`,
    );
  }) as [number, number, number, number];
  return await openDetector({ name, model, modelDigest, threshold, scale, falsePositiveRate, copies });
}

/** The sha256 of a model's file, hexadecimal. */
export function modelDigest(model: Model): string {
  return createHash("sha256").update(encodeModel(model)).digest("hex");
}

const PREFIX = "casemate.detector.";
const KIND = `${PREFIX}kind`;
const DIGEST = `${PREFIX}modelDigest`;
const numbers = ["threshold", "scale", "falsePositiveRate", "copies"] as const;
