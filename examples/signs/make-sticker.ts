import { openClassifier, pgd, run, threats } from "@casemate/attacks";
import type { Model } from "@casemate/onnx";
import { tensor } from "@casemate/tensor";
import { paintFace } from "./face.ts";
import { streams } from "./scene.ts";
import { signs } from "./signs.ts";
import type { Layout } from "./sticker.ts";
import { stickerModel } from "./sticker-model.ts";

export interface StickerGoal {
  /** The class of the sign, and what it is to be taken for. */
  readonly label: number;
  readonly target: number;
  /** How many scenes the sticker is made on. */
  readonly scenes?: number;
  readonly steps?: number;
  readonly seed?: number;
}

/** The colours [3, cells] of a sticker that turns one sign into another, by projected gradient descent on `stickerModel`. */
export async function makeSticker(
  classifier: Model,
  layout: Layout,
  { label, target, scenes = 48, steps = 100, seed = 0 }: StickerGoal,
): Promise<Float32Array> {
  const keys = Array.from({ length: scenes }, (_, sample) => ({ seed, stream: streams.sticker, sample }));
  const model = stickerModel(classifier, paintFace(signs[label]!, layout.side), layout, keys);
  const opened = await openClassifier(model, { bounds: PRINTABLE, output: { kind: "logits" }, threads: 1 });
  try {
    const grey = tensor([1, 3, layout.cells], new Float32Array(3 * layout.cells).fill(0.5));
    const { samples } = await run(opened, grey, [label], threats.linf(1), {
      attack: pgd({ steps, stepSize: 0.04, randomStart: false, keep: "last" }), // beyond the first success
      criterion: { type: "targeted", targets: [target] },
      attackMisclassified: true,
      seed,
    });
    const { adversarial, status } = samples[0]!;
    if (!adversarial) throw new Error(`makeSticker: expected a sticker that works where it is made, got ${status}`);
    return adversarial;
  } finally {
    await opened.dispose();
  }
}

const PRINTABLE = { lower: 0.05, upper: 0.95 }; // ink is not black, nor paper white
