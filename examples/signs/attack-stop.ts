import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { readModel } from "@casemate/onnx";
import { classify } from "./evaluate.ts";
import { type Face, paintFace, type Sticker, withSticker } from "./face.ts";
import { encodePng, enlarge, gridOf } from "./grid.ts";
import { frontal } from "./homography.ts";
import { daylight } from "./light.ts";
import { makeSticker } from "./make-sticker.ts";
import { renderSign } from "./render.ts";
import { drawScene, SIZE, streams } from "./scene.ts";
import { signs } from "./signs.ts";
import { batchOf } from "./train.ts";

/** Makes stickers that turn STOP into a speed limit, says how often they do so where they were not made, and draws them. */
const folder = join(import.meta.dirname, "..");
const classOf = (name: string): number => signs.findIndex((sign) => sign.name === name);
const [label, target] = [classOf("stop"), classOf("speed limit 80")];
const classifier = await readModel(join(folder, "signs.onnx"));

const levels = [0.05, 0.95]; // ink is not black, nor paper white
const inks = levels.flatMap((red) => levels.flatMap((green) => levels.map((blue) => [red, green, blue])));
const eightInks = await makeSticker(classifier, { label, target, palette: inks });
const blackAndWhite = await makeSticker(classifier, {
  label,
  target,
  palette: [inks[0]!, inks[7]!],
  printability: 0.1,
});
const grey = { ...blackAndWhite, colours: blackAndWhite.colours.map(() => 0.5) };

const scenes = 500;
const sceneOf = (face: Face, sample: number) => drawScene(face, { seed: 0, stream: streams.judging, sample }).image;
const bare = paintFace(signs[label]!, 2 * SIZE);
console.log(`STOP in ${scenes} scenes that no sticker was made on:`);
await judge("bare", bare);
await judge("bars in grey", withSticker(bare, grey));
await judge("bars in black and white", withSticker(bare, blackAndWhite));
await judge("bars in eight inks", withSticker(bare, eightInks));

writeFileSync(join(folder, "sticker.png"), encodePng(gridOf([...row(), ...row(blackAndWhite), ...row(eightInks)], 8)));

async function judge(title: string, face: Face): Promise<void> {
  const images = Array.from({ length: scenes }, (_, sample) => sceneOf(face, sample));
  const found = await classify(classifier, batchOf(images));
  const shares = [label, target].map((wanted) => {
    const count = found.filter((each) => each === wanted).length;
    return `${((100 * count) / scenes).toFixed(1)} % read as ${signs[wanted]!.name}`;
  });
  console.log(`${title}: ${shares.join(", ")}`);
}

/** The sign from the front, then as the classifier sees it in seven scenes. */
function row(sticker?: Sticker) {
  const shown = 96;
  const [fine, seen] = [paintFace(signs[label]!, 2 * shown), bare].map((face) =>
    sticker ? withSticker(face, sticker) : face,
  );
  const samples = [0, 1, 2, 3, 4, 5, 6];
  return [
    renderSign(fine!, frontal, daylight, shown).image,
    ...samples.map((sample) => enlarge(sceneOf(seen!, sample), shown / SIZE)),
  ];
}
