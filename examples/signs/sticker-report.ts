import { openClassifier } from "@casemate/attacks";
import { type AuditReport, audit, writeReports } from "@casemate/audit";
import type { Model } from "@casemate/onnx";
import type { Tensor } from "@casemate/tensor";
import { encodePng, enlarge } from "./grid.ts";
import { signs } from "./signs.ts";
import { batchOf } from "./train.ts";

export interface StickerFindings {
  readonly label: number;
  readonly target: number;
  /** The same scenes without the sticker and with it. */
  readonly bare: readonly Tensor[];
  readonly stuck: readonly Tensor[];
  /** Scenes that show the sign with the sticker, and how many of them are read as the sign and as the target. */
  readonly scenes: number;
  readonly readAsLabel: number;
  readonly readAsTarget: number;
}

/** Audits the classifier quickly and puts the sticker, with its pictures, into the report. Returns where the page is. */
export async function writeStickerReport(
  paths: { readonly model: string; readonly data: string; readonly out: string },
  classifier: Model,
  findings: StickerFindings,
): Promise<string> {
  const events = audit([paths], { profile: "quick", epsilons: [0.03], samples: 48 });
  let next = await events.next();
  while (!next.done) next = await events.next();
  const report = await withSticker(next.value, classifier, findings);
  return (await writeReports(report, paths.out)).html;
}

type Subject = AuditReport["subjects"][number];

async function withSticker(report: AuditReport, classifier: Model, findings: StickerFindings): Promise<AuditReport> {
  const { label, target, scenes, readAsLabel, readAsTarget } = findings;
  const [from, to] = [signs[label]!.name, signs[target]!.name];
  const check: Subject["checks"][number] = {
    id: "sticker",
    title: `Sticker that turns ${from} into ${to}`,
    kind: "accuracy",
    status: "completed",
    citation: { text: "Eykholt et al., 2018", url: "https://arxiv.org/abs/1707.08945" },
    taxonomy: { owasp: ["ML01:2023"], atlas: ["AML.T0041", "AML.T0043.000"], nist: ["evasion: physical"] },
    parameters: { scenes },
    seconds: 0,
    queries: { forward: scenes, backward: 0 },
    metrics: [
      { name: "accuracy.sticker", value: readAsLabel / scenes, unit: "proportion", count: readAsLabel, of: scenes },
      { name: "attack.success", value: readAsTarget / scenes, unit: "proportion", count: readAsTarget, of: scenes },
    ],
    warnings: [],
    notes: [
      `With the sticker ${readAsTarget} of ${scenes} new scenes of ${from} are read as ${to}, and ${readAsLabel} as ${from}.`,
    ],
  };
  const gallery = await pictures(classifier, findings);
  const subjects = report.subjects.map((subject) => ({
    ...subject,
    checks: [...subject.checks, check],
    gallery: [...gallery, ...subject.gallery],
  }));
  return { ...report, subjects };
}

async function pictures(classifier: Model, { label, bare, stuck }: StickerFindings): Promise<Subject["gallery"]> {
  const [before, after] = [await readings(classifier, bare), await readings(classifier, stuck)];
  return stuck.map((image, i) => {
    const change = image.data.map((value, j) => value - bare[i]!.data[j]!);
    return {
      sample: i,
      check: "sticker",
      label: signs[label]!.name,
      original: { image: dataUrl(bare[i]!), ...before[i]! },
      adversarial: { image: dataUrl(image), ...after[i]! },
      perturbation: {
        image: dataUrl({ ...image, data: change.map((value) => (value + 1) / 2) }),
        distance: Math.hypot(...change),
        scale: 1,
      },
    };
  });
}

/** What the classifier reads, and how sure it is. */
async function readings(model: Model, images: readonly Tensor[]) {
  const classifier = await openClassifier(model, { bounds: { lower: 0, upper: 1 }, threads: 1 });
  const { data } = await classifier.logits(batchOf([...images]));
  await classifier.dispose();
  return images.map((_, row) => {
    const logits = [...data.subarray(row * signs.length, (row + 1) * signs.length)];
    const largest = Math.max(...logits);
    const sum = logits.reduce((total, logit) => total + Math.exp(logit - largest), 0);
    return { prediction: signs[logits.indexOf(largest)]!.name, confidence: 1 / sum };
  });
}

function dataUrl(image: Tensor): string {
  return `data:image/png;base64,${Buffer.from(encodePng(enlarge(image, 3))).toString("base64")}`;
}
