import { type CertifyEvent, certify, type RadiusPoint, radiusCurve, smoothedModel } from "@casemate/defenses";
import { encodeModel } from "@casemate/onnx";
import { attackSpaceOf } from "./attack-space.ts";
import { classifierOptionsOf } from "./classifier-options.ts";
import { draftContractFor, readContractFor } from "./contract-file.ts";
import { AuditError } from "./errors.ts";
import { openModel } from "./inspect-model.ts";
import type { SubjectSpec } from "./options.ts";
import type { Contract } from "./schemas/contract.ts";
import { openSubjects } from "./subject.ts";

export interface SmoothOptions {
  /** Standard deviation of the noise, in the units of the samples or, for tables, in shares of each feature's range. */
  readonly sigma: number;
  /** Draws that choose the class of a sample, and draws that bound its probability. */
  readonly choosingDraws?: number;
  readonly draws?: number;
  /** Probability, for each sample, that its certificate is wrong. */
  readonly alpha?: number;
  readonly samples?: number;
  readonly seed?: number;
  readonly batchSize?: number;
  readonly threads?: number;
  readonly signal?: AbortSignal;
}

/** What is certain of a smoothed model on samples, but for alpha. */
export interface SmoothingReport {
  readonly model: string;
  readonly sigma: number;
  readonly choosingDraws: number;
  readonly draws: number;
  readonly alpha: number;
  readonly samples: number;
  /** Right of the model itself, without noise. */
  readonly clean: number;
  /** Samples that the smoothed model names no class for. */
  readonly abstained: number;
  /** Named the wrong class for. */
  readonly wrong: number;
  /** Certified accuracy by L2 radius; at radius 0 all that are right. */
  readonly curve: readonly RadiusPoint[];
  /** By position in the data set; without a prediction where it abstains. */
  readonly certificates: readonly SampleCertificate[];
  readonly assumptions: readonly string[];
}

interface SampleCertificate {
  readonly sample: number;
  readonly label: number;
  readonly prediction?: number;
  readonly radius: number;
}

/** Forward passes of single rows, done and expected. */
export type SmoothEvent = Extract<CertifyEvent, { type: "progress" }>;

/**
 * Certifies the smoothed model on samples by randomized smoothing. Throws an AuditError for bad input, and a DefenseError for
 * options that make no sense.
 */
export async function* smoothModel(
  spec: SubjectSpec,
  options: SmoothOptions,
): AsyncGenerator<SmoothEvent, SmoothingReport> {
  const { sigma, choosingDraws = 100, draws = 100_000, alpha = 0.001, seed = 0, batchSize, signal } = options;
  const [subject] = await openSubjects([spec], options);
  try {
    const { samples, assumptions } = subject!;
    const classifier = await subject!.classifier();
    const x = subject!.inputs(samples);
    const labels = samples.map((sample) => subject!.labels[sample]!);
    const steps = certify(classifier, x, {
      sigma,
      n0: choosingDraws,
      n: draws,
      alpha,
      seed,
      indices: samples,
      ...(batchSize !== undefined && { batchSize }),
      ...(signal && { signal }),
    });
    let next = await steps.next();
    while (!next.done) {
      if (next.value.type === "progress") yield next.value;
      next = await steps.next();
    }
    const certificates = next.value;
    const { data } = await classifier.logits(x);
    const { classes } = classifier;
    const isRight = (row: number) => {
      const scores = data.subarray(row * classes, (row + 1) * classes);
      return scores.indexOf(Math.max(...scores)) === labels[row];
    };
    const abstained = certificates.filter(({ prediction }) => prediction === undefined).length;
    const curve = radiusCurve(certificates, labels);
    return {
      model: spec.model,
      sigma,
      choosingDraws,
      draws,
      alpha,
      samples: samples.length,
      clean: labels.filter((_, row) => isRight(row)).length,
      abstained,
      wrong: samples.length - abstained - curve[0]!.count,
      curve,
      certificates: certificates.map(({ prediction, radius }, row) => ({
        sample: samples[row]!,
        label: labels[row]!,
        ...(prediction !== undefined && { prediction }),
        radius,
      })),
      assumptions,
    };
  } finally {
    await subject!.dispose();
  }
}

export interface ServedSmoothingOptions {
  readonly sigma: number;
  readonly copies?: number;
  /** The contract; else the one beside the model, else one drafted from the model and `data`. */
  readonly contract?: string;
  readonly data?: string;
}

/**
 * Reads a model and writes the smoothing into its graph, with the contract of both. What it answers carries no certificate. Throws
 * an AuditError, or a DefenseError for a model that noisy copies cannot go through.
 */
export async function smoothedFile(
  path: string,
  { sigma, copies, ...given }: ServedSmoothingOptions,
): Promise<{ readonly bytes: Uint8Array; readonly contract: Contract; readonly assumptions: readonly string[] }> {
  const model = await openModel(path);
  const written = await readContractFor(model, path, given.contract);
  const { contract, inferred } = written
    ? { contract: written, inferred: [] }
    : await draftContractFor(path, given.data);
  const { name, shape } = contract.inputs[0]!;
  const inputShape = shape.slice(1).map((size) => {
    if (size !== null) return size;
    throw new AuditError(
      "INVALID_OPTION",
      `input '${name}': expected a known shape of a sample, got [${shape.slice(1)}]`,
    );
  });
  if (classifierOptionsOf(contract, inputShape).normalization) {
    const expected = "a model that takes values in the range of its contract";
    throw new AuditError("INVALID_OPTION", `smooth: expected ${expected}, got one with a normalisation before it`);
  }
  const { output } = contract;
  const smoothed = await smoothedModel(model, {
    sigma: attackSpaceOf(contract.inputs[0]!, inputShape).toContractRadius(sigma),
    inputName: name,
    inputShape,
    output: { name: output.name, kind: output.kind, classes: output.classes.length },
    ...(copies !== undefined && { copies }),
  });
  return { bytes: encodeModel(smoothed), contract, assumptions: inferred };
}
