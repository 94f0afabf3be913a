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
import { type StickerFindings, writeStickerReport } from "./sticker-report.ts";
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
const counts = await judge("bars in eight inks", withSticker(bare, eightInks));

writeFileSync(join(folder, "sticker.png"), encodePng(gridOf([...row(), ...row(blackAndWhite), ...row(eightInks)], 8)));

const shown = [0, 1, 2, 3, 4, 5];
const page = await writeStickerReport(
  {
    model: join(folder, "signs.onnx"),
    data: join(folder, "signs-test.npz"),
    out: join(folder, "..", "..", "out", "signs-sticker"),
  },
  classifier,
  {
    label,
    target,
    bare: shown.map((sample) => sceneOf(bare, sample)),
    stuck: shown.map((sample) => sceneOf(withSticker(bare, eightInks), sample)),
    scenes,
    ...counts,
  },
);
console.log(`Report with the pictures: ${page}`);

async function judge(title: string, face: Face): Promise<Pick<StickerFindings, "readAsLabel" | "readAsTarget">> {
  const images = Array.from({ length: scenes }, (_, sample) => sceneOf(face, sample));
  const found = await classify(classifier, batchOf(images));
  const [readAsLabel = 0, readAsTarget = 0] = [label, target].map(
    (wanted) => found.filter((each) => each === wanted).length,
  );
  const share = (count: number, as: number) => `${((100 * count) / scenes).toFixed(1)} % read as ${signs[as]!.name}`;
  console.log(`${title}: ${share(readAsLabel, label)}, ${share(readAsTarget, target)}`);
  return { readAsLabel, readAsTarget };
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
