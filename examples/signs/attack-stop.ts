import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { readModel } from "@casemate/onnx";
import { classify } from "./evaluate.ts";
import { type Face, paintFace, withSticker } from "./face.ts";
import { encodePng, enlarge, gridOf } from "./grid.ts";
import { frontal } from "./homography.ts";
import { daylight } from "./light.ts";
import { makeSticker } from "./make-sticker.ts";
import { renderSign } from "./render.ts";
import { drawScene, SIZE, streams } from "./scene.ts";
import { signs } from "./signs.ts";
import { stickerOf, twoBars } from "./sticker.ts";
import { batchOf } from "./train.ts";

/** Makes a sticker that turns STOP into a speed limit, says how often it does so where it was not made, and draws it. */
const folder = join(import.meta.dirname, "..");
const classOf = (name: string): number => signs.findIndex((sign) => sign.name === name);
const [stop, target] = [classOf("stop"), classOf("speed limit 80")];
const classifier = await readModel(join(folder, "signs.onnx"));

const layout = twoBars(2 * SIZE);
const colours = await makeSticker(classifier, layout, { label: stop, target });
const bare = paintFace(signs[stop]!, 2 * SIZE);
const faces: Readonly<Record<string, Face>> = {
  bare,
  "with a grey sticker": withSticker(bare, stickerOf(layout, new Float32Array(colours.length).fill(0.5))),
  "with this sticker": withSticker(bare, stickerOf(layout, colours)),
};

const scenes = 500;
const sceneOf = (face: Face, sample: number) => drawScene(face, { seed: 0, stream: streams.judging, sample }).image;
console.log(`STOP in ${scenes} scenes that the sticker was not made on:`);
for (const [title, face] of Object.entries(faces)) {
  const found = await classify(
    classifier,
    batchOf(Array.from({ length: scenes }, (_, sample) => sceneOf(face, sample))),
  );
  const share = (name: string) => {
    const count = found.filter((label) => label === classOf(name)).length;
    return `${((100 * count) / scenes).toFixed(1)} % read as ${name}`;
  };
  console.log(`${title}: ${share(signs[stop]!.name)}, ${share(signs[target]!.name)}`);
}

const shown = 96;
const fine = paintFace(signs[stop]!, 2 * shown);
const front = (face: Face) => renderSign(face, frontal, daylight, shown).image;
const rows = [
  [front(fine), faces.bare!],
  [front(withSticker(fine, stickerOf(twoBars(2 * shown), colours))), faces["with this sticker"]!],
] as const;
const pictures = rows.flatMap(([large, face]) => [
  large,
  ...Array.from({ length: 7 }, (_, sample) => enlarge(sceneOf(face, sample), shown / SIZE)),
]);
writeFileSync(join(folder, "sticker.png"), encodePng(gridOf(pictures, 8)));
