import { completed, openClassifier, type PatternOptions, trainSticker } from "@casemate/attacks";
import type { Model } from "@casemate/onnx";
import { paintFace, type Sticker } from "./face.ts";
import { drawScene, SIZE, streams } from "./scene.ts";
import { signs } from "./signs.ts";
import { poseOf, twoBars } from "./sticker.ts";
import { batchOf } from "./train.ts";

export interface StickerGoal extends Pick<PatternOptions, "palette" | "printability" | "steps" | "seed"> {
  /** The class of the sign, and what it is to be taken for. */
  readonly label: number;
  readonly target: number;
  /** How many scenes the sticker is made on. */
  readonly scenes?: number;
}

/** A sticker of two bars that turns one sign into another in all scenes at once, by Casemate's attack with stickers. */
export async function makeSticker(
  classifier: Model,
  { label, scenes = 200, seed = 0, ...options }: StickerGoal,
): Promise<Sticker> {
  const face = paintFace(signs[label]!, 2 * SIZE);
  const views = Array.from({ length: scenes }, (_, sample) =>
    drawScene(face, { seed, stream: streams.sticker, sample }),
  );
  const images = batchOf(views.map(({ image }) => image));
  const poses = views.map(({ homography }) => poseOf(homography, SIDE));
  const model = await openClassifier(classifier, { bounds: { lower: 0, upper: 1 }, threads: 1 });
  try {
    const labels = views.map(() => label);
    const making = trainSticker(model, images, labels, twoBars(SIDE), { poses, seed, viewsPerSample: 1, ...options });
    const { pattern, mask } = await completed(making);
    return { side: SIDE, colours: pattern.data, mask: mask.data };
  } finally {
    await model.dispose();
  }
}

const SIDE = 32; // texels of a sticker: as fine as the camera sees
