import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { attestationOf, type PredicateOf, type Statement, subjectOf, trainingBuildType } from "@casemate/evidence";
import Type, { type Static } from "typebox";
import type { OpenTraining } from "./open-training.ts";
import type { Immutable } from "./schemas/immutable.ts";
import type { TrainModelOptions } from "./training-options.ts";

const Sha256 = Type.String({ pattern: "^[0-9a-f]{64}$" });

/** Members of the report of a training, of whichever kind, that say what a model was made from. */
export const TrainingProvenance = Type.Object({
  casemate: Type.String({ minLength: 1 }),
  started: Type.String(),
  finished: Type.String(),
  /** What came out. */
  model: Type.Object({ sha256: Sha256 }),
  /** What it was made from: data, the model that it began as, models that it learnt from. */
  dependencies: Type.Array(
    Type.Object({
      role: Type.Enum(["data", "validation", "base", "teacher", "other"]),
      path: Type.String(),
      sha256: Sha256,
    }),
  ),
  /** All that the numbers follow from beside those. */
  settings: Type.Record(Type.String(), Type.Unknown()),
});
export type TrainingProvenance = Immutable<Static<typeof TrainingProvenance>>;

/** What a training was made from, by digest. */
export async function dependenciesOf(
  { subject, teacher, others = [] }: TrainModelOptions,
  { training, validation }: Pick<OpenTraining, "training" | "validation">,
): Promise<TrainingProvenance["dependencies"]> {
  const models = [
    ...("model" in subject ? [{ role: "base" as const, path: subject.model }] : []),
    ...(teacher === undefined ? [] : [{ role: "teacher" as const, path: teacher }]),
    ...others.map((path) => ({ role: "other" as const, path })),
  ];
  const digested = models.map(async (each) => ({ ...each, sha256: sha256Of(await readFile(each.path)) }));
  return [
    { role: "data", path: training.report.path, sha256: training.report.sha256 },
    ...(validation
      ? [{ role: "validation" as const, path: validation.report.path, sha256: validation.report.sha256 }]
      : []),
    ...(await Promise.all(digested)),
  ];
}

/**
 * How a model was trained, as SLSA provenance v1 (https://slsa.dev/spec/v1.0/provenance) to be signed: about the digest of the model
 * that came out, by its recipe, and what it was made from by digest. Paths are left out but for the names of files.
 */
export function attestTraining(
  { casemate, started, finished, model, dependencies, settings }: TrainingProvenance,
  { name, reportDigest }: { readonly name: string; readonly reportDigest?: string },
): Statement<PredicateOf<"training">> {
  const { subject, others: _, teacher: __, ...recipe } = settings;
  const network = subject as { readonly architecture?: string } | undefined;
  return attestationOf("training", [subjectOf("model", name, model.sha256)], {
    buildDefinition: {
      buildType: trainingBuildType,
      externalParameters: {
        ...recipe,
        ...(network?.architecture !== undefined && { architecture: network.architecture }),
      },
      resolvedDependencies: dependencies.map(({ role, path, sha256 }) => ({
        name: basename(path),
        digest: { sha256 },
        annotations: { role },
      })),
    },
    runDetails: {
      builder: { id: "https://casemate.dev/casemate", version: { casemate } },
      metadata: { startedOn: started, finishedOn: finished },
      ...(reportDigest !== undefined && {
        byproducts: [{ name: "report", digest: { sha256: reportDigest }, mediaType: "application/json" }],
      }),
    },
  });
}

export function sha256Of(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
