import { type Ablation, certifyPatches, type PatchCertificate } from "@casemate/defenses";
import type { SubjectSpec } from "./options.ts";
import { openSubjects } from "./subject.ts";

export interface PatchOptions {
  readonly ablation: Ablation;
  /** Probability from which on a view votes for a class. */
  readonly threshold?: number;
  readonly samples?: number;
  readonly seed?: number;
  readonly batchSize?: number;
  readonly threads?: number;
  readonly signal?: AbortSignal;
}

/** What no patch changes, of a model that votes on ablated views of each sample. */
export interface PatchReport {
  readonly model: string;
  readonly ablation: Ablation;
  readonly samples: number;
  /** Right of the model itself, on whole samples. */
  readonly clean: number;
  /** Right of the vote over views. */
  readonly voted: number;
  /** Right, and the same under any square patch of this side, anywhere; from side 1 to the largest that any sample tolerates. */
  readonly certified: readonly { readonly side: number; readonly count: number }[];
  /** By position in the data set. */
  readonly certificates: readonly (Pick<PatchCertificate, "class" | "tolerated" | "patch"> & {
    readonly sample: number;
    readonly label: number;
  })[];
  readonly assumptions: readonly string[];
}

/** Views that were voted on, and all of them. */
export interface PatchEvent {
  readonly done: number;
  readonly total: number;
}

/** Certifies a model on samples against patches by derandomized smoothing. Throws an AuditError for bad input, a DefenseError for options. */
export async function* patchCertificates(
  spec: SubjectSpec,
  options: PatchOptions,
): AsyncGenerator<PatchEvent, PatchReport> {
  const { ablation, threshold, batchSize, signal } = options;
  const [subject] = await openSubjects([spec], options);
  try {
    const { samples, assumptions } = subject!;
    const classifier = await subject!.classifier();
    const x = subject!.inputs(samples);
    const labels = samples.map((sample) => subject!.labels[sample]!);
    const steps = certifyPatches(classifier, x, {
      ablation,
      ...(threshold !== undefined && { threshold }),
      ...(batchSize !== undefined && { batchSize }),
      ...(signal && { signal }),
    });
    let next = await steps.next();
    while (!next.done) {
      if (next.value.type === "progress") yield { done: next.value.done, total: next.value.total };
      next = await steps.next();
    }
    const found = next.value;
    const { data } = await classifier.logits(x);
    const { classes } = classifier;
    const isRight = (label: number, row: number): boolean => {
      const scores = data.subarray(row * classes, (row + 1) * classes);
      return scores.indexOf(Math.max(...scores)) === label;
    };
    const right = found.filter((certificate, row) => certificate.class === labels[row]);
    const largest = Math.max(0, ...right.map(({ patch }) => patch));
    return {
      model: spec.model,
      ablation,
      samples: samples.length,
      clean: labels.filter(isRight).length,
      voted: right.length,
      certified: Array.from({ length: largest }, (_, index) => ({
        side: index + 1,
        count: right.filter(({ patch }) => patch > index).length,
      })),
      certificates: found.map(({ class: prediction, tolerated, patch }, row) => ({
        sample: samples[row]!,
        label: labels[row]!,
        class: prediction,
        tolerated,
        patch,
      })),
      assumptions,
    };
  } finally {
    await subject!.dispose();
  }
}
