import { runtimeVersion } from "@casemate/onnx";
import { AuditError } from "./errors.ts";
import type { AuditOptions } from "./options.ts";
import type { AuditSettings, Norm } from "./report.ts";
import type { OpenSubject } from "./subject.ts";

/** The options with everything that was left open decided, as the report records them. */
export async function settingsFor(
  options: AuditOptions & { readonly threads: number },
  subjects: readonly OpenSubject[],
): Promise<AuditSettings> {
  const { profile = "standard", norm = "linf", seed = 0, device = "cpu", budget, attacks, command = "" } = options;
  return {
    profile,
    seed,
    epsilons: ladderOf(options.epsilons ?? [usualEpsilon(norm, subjects)], norm),
    norm,
    ...(attacks && { attacks }),
    ...(budget && { budget }),
    device,
    threads: options.threads,
    command,
    environment: {
      node: process.version,
      platform: `${process.platform}-${process.arch}`,
      onnxruntime: await runtimeVersion(),
    },
  };
}

/** What is said where no radius was asked for. */
export function epsilonAssumption({ epsilons }: AuditOptions, settings: AuditSettings): readonly string[] {
  if (epsilons) return [];
  const radius = Number(settings.epsilons.at(-1)!.toPrecision(4));
  return [`No epsilon was given, so the usual one for pictures is used: ${radius} in ${settings.norm}.`];
}

const RUNGS = 10;

/** One radius becomes a ladder of equal steps that ends in it, for the curve; several are taken as they are. */
function ladderOf(epsilons: readonly number[], norm: Norm): readonly number[] {
  const isWrong = (epsilon: number) => !(epsilon > 0 && Number.isFinite(epsilon));
  const wrong = epsilons.find((epsilon) => isWrong(epsilon) || (norm === "l0" && !Number.isInteger(epsilon)));
  if (wrong !== undefined || epsilons.length === 0) {
    throw new AuditError(
      "INVALID_OPTION",
      `epsilon: expected ${norm === "l0" ? "whole " : ""}numbers above 0, got ${wrong ?? "none"}`,
    );
  }
  const [single] = epsilons;
  if (epsilons.length > 1) return [...new Set(epsilons)].sort((a, b) => a - b);
  const rungs = Array.from({ length: RUNGS }, (_, i) =>
    i + 1 === RUNGS ? single! : rounded((single! * (i + 1)) / RUNGS),
  );
  return norm === "l0" ? [...new Set(rungs.map(Math.ceil))] : rungs;
}

/**
 * The radius that papers use where none was asked for: 8/255 of the range in Linf, and in the other norms the ball that a
 * quarter of the features at that distance span (0.5 in L2 for CIFAR-10).
 */
function usualEpsilon(norm: AuditSettings["norm"], subjects: readonly OpenSubject[]): number {
  const subject = subjects[0]!;
  return inNorm(norm, (8 / 255) * subject.rangeWidth, subject.width);
}

/** The radius in another norm that goes with one in Linf. */
export function inNorm(norm: AuditSettings["norm"], linf: number, width: number): number {
  switch (norm) {
    case "linf":
      return linf;
    case "l2":
      return rounded((linf * Math.sqrt(width)) / 4);
    case "l1":
      return rounded((linf * width) / 16);
    case "l0":
      return Math.max(1, Math.round(width / 50)); // features to change freely: 2 % of them
  }
}

function rounded(value: number): number {
  return Number(value.toPrecision(6));
}
