import { compositeSemantic, corruption, corruptions, shadow, spatial, wasserstein } from "@casemate/attacks";
import { type AttackRow, FORWARD_AND_BACKWARD } from "./attack-row.ts";

/** What happens to pictures in the world. */
export const physicalRows: readonly AttackRow[] = [
  {
    id: "spatial",
    title: "Rotation up to 30° and shift up to 3 pixels",
    attack: spatial({ rotations: 5 }),
    profiles: ["thorough"],
    only: "images",
    cost: 124,
  },
  {
    id: "composite-semantic",
    title: "Hue, saturation, rotation, brightness, contrast and 8/255 in Linf, one after the other",
    attack: compositeSemantic(),
    profiles: [],
    reason: "its ranges are of its own, and which of them leave the label true is for the data's owner to say",
    only: "images",
    cost: 306 * FORWARD_AND_BACKWARD,
  },
  {
    id: "shadow",
    title: "Shadow attack: smooth, colourless changes of any size",
    attack: shadow(),
    profiles: [],
    reason: "its changes are of any size, so that it says something about smoothed classifiers with certificates only",
    only: "images",
    cost: 300 * FORWARD_AND_BACKWARD,
  },
  {
    id: "wasserstein",
    title: "Light moved by a few pixels, 0.1 in Wasserstein distance",
    attack: wasserstein(),
    profiles: [],
    reason: "a ball of its own, which no audit's epsilon answers for; for models that must bear small distortions",
    only: "images",
    cost: 40 * FORWARD_AND_BACKWARD,
  },
  ...corruptions.map(
    (name): AttackRow => ({
      id: `corruption-${name}`,
      title: `${name[0]!.toUpperCase()}${name.slice(1).replaceAll("-", " ")}, severity 3`,
      attack: corruption({ name, severity: 3 }),
      profiles: [],
      reason: "The check 'corruptions' of the thorough profile measures all 15 at all 5 severities.",
      only: "images",
      cost: 1,
    }),
  ),
];
