import type { AttackResult, SampleResult } from "@casemate/attacks";
import { type Tensor, tensor } from "@casemate/tensor";
import { perturbationPicture, picture } from "../picture.ts";
import type { GalleryItem } from "../report.ts";
import type { OpenSubject } from "../subject.ts";

const ITEMS_PER_ATTACK = 6;
const CHANGES_PER_ITEM = 5;

/** A sample and what became of it, to be shown. */
export type Shown = Pick<SampleResult, "sample" | "label" | "adversarial" | "distance">;

/** Broken samples to show, of as many classes as possible and the smallest perturbation of each class first. */
export async function galleryOf(
  subject: OpenSubject,
  check: string,
  { samples }: AttackResult,
): Promise<readonly GalleryItem[]> {
  return shownInGallery(subject, check, chooseItems(samples));
}

/** Samples before and after, with what the model makes of them. */
export async function shownInGallery(
  subject: OpenSubject,
  check: string,
  chosen: readonly Shown[],
): Promise<readonly GalleryItem[]> {
  if (chosen.length === 0) return [];
  const originals = subject.inputs(chosen.map(({ sample }) => sample));
  const width = originals.data.length / chosen.length;
  const adversarials = tensor(originals.shape, new Float32Array(originals.data.length));
  for (const [row, { adversarial }] of chosen.entries()) adversarials.data.set(adversarial!, row * width);
  const before = await predictionsOf(subject, originals);
  const after = await predictionsOf(subject, adversarials);
  return chosen.map(({ sample, label, distance }, row) => {
    const rowOf = ({ data, shape }: Tensor) =>
      tensor(shape.slice(1), subject.toContractUnits(data.subarray(row * width, (row + 1) * width)));
    const shown = showing(subject, rowOf(originals), rowOf(adversarials));
    return {
      sample,
      check,
      label: subject.classNames[label]!,
      original: { ...shown.original, ...before[row]! },
      adversarial: { ...shown.adversarial, ...after[row]! },
      perturbation: { ...shown.perturbation, distance: distance! },
      ...(shown.changes && { changes: shown.changes }),
    };
  });
}

function chooseItems(samples: readonly SampleResult[]): readonly SampleResult[] {
  const broken = samples
    .filter(({ status, adversarial }) => status === "broken" && adversarial)
    .sort((a, b) => a.distance! - b.distance! || a.sample - b.sample);
  const rank = new Map<number, number>();
  return broken
    .map((sample) => {
      const ofClass = rank.get(sample.label) ?? 0;
      rank.set(sample.label, ofClass + 1);
      return { sample, ofClass };
    })
    .sort((a, b) => a.ofClass - b.ofClass)
    .slice(0, ITEMS_PER_ATTACK)
    .map(({ sample }) => sample);
}

interface Prediction {
  readonly prediction: string;
  readonly confidence: number;
}

async function predictionsOf({ classNames, ...subject }: OpenSubject, x: Tensor): Promise<readonly Prediction[]> {
  const { data, shape } = await (await subject.classifier()).logits(x);
  const classes = shape[1]!;
  return Array.from({ length: shape[0]! }, (_, row) => {
    const logits = [...data.subarray(row * classes, (row + 1) * classes)];
    const largest = Math.max(...logits);
    const sum = logits.reduce((total, logit) => total + Math.exp(logit - largest), 0);
    return { prediction: classNames[logits.indexOf(largest)]!, confidence: 1 / sum };
  });
}

interface Showing extends Pick<GalleryItem, "changes"> {
  readonly original: { readonly image?: string };
  readonly adversarial: { readonly image?: string };
  readonly perturbation: { readonly image?: string; readonly scale?: number };
}

/** Images as pictures, anything else as the features that changed most. */
function showing({ image, featureNames }: OpenSubject, original: Tensor, adversarial: Tensor): Showing {
  if (!image) {
    return { original: {}, adversarial: {}, perturbation: {}, changes: changesOf(original, adversarial, featureNames) };
  }
  const of = (sample: Tensor) => {
    const url = picture(sample, image);
    return url === undefined ? {} : { image: url };
  };
  const { image: url, scale } = perturbationPicture(original, adversarial, { layout: image.layout });
  return {
    original: of(original),
    adversarial: of(adversarial),
    perturbation: url === undefined ? {} : { image: url, scale },
  };
}

function changesOf(original: Tensor, adversarial: Tensor, names: readonly string[] | undefined) {
  const changed = Array.from(original.data.keys())
    .map((i) => ({ i, by: Math.abs(adversarial.data[i]! - original.data[i]!) }))
    .filter(({ by }) => by > 0)
    .sort((a, b) => b.by - a.by)
    .slice(0, CHANGES_PER_ITEM);
  return changed.map(({ i }) => ({
    feature: names?.[i] ?? `feature ${i}`,
    from: original.data[i]!,
    to: adversarial.data[i]!,
  }));
}
