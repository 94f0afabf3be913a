import { genAttack, nes, onePixel, pgd, pixle, simba, square, threshold, zoo } from "@casemate/attacks";
import type { AttackRow } from "./attack-row.ts";

const squareRow = (queries: number, samples?: number): Omit<AttackRow, "profiles"> => ({
  id: "square",
  title: `Square, ${queries} queries`,
  attack: square({ queries }),
  ...(samples !== undefined && { samples }),
  cost: queries,
});

/** Attacks that ask for scores. */
export const scoreRows: readonly AttackRow[] = [
  { ...squareRow(1000, 200), profiles: ["standard"] },
  { ...squareRow(5000), profiles: ["thorough"], only: "no-gradients" }, // elsewhere AutoAttack runs it
  { ...squareRow(200), profiles: ["quick"], only: "no-gradients" },
  {
    id: "nes-pgd",
    title: "PGD on gradients estimated from scores (NES)",
    attack: pgd({ steps: 20 }),
    profiles: ["standard", "thorough"],
    only: "no-gradients",
    through: (model, range) => nes(model, { sigma: 0.05 * range }), // wide, since such models are often steps
    samples: 200,
    cost: 20 * 50,
  },
  {
    id: "simba",
    title: "SimBA",
    attack: simba(),
    profiles: [],
    reason: "Square finds more in a ball with the same queries; SimBA is for changes of few features.",
    cost: 2 * 3000,
  },
  {
    id: "simba-dct",
    title: "SimBA along cosine waves",
    attack: simba({ basis: "dct" }),
    profiles: [],
    reason: "Square finds more in a ball with the same queries.",
    norm: "l2",
    only: "images",
    cost: 2 * 3000,
  },
  {
    id: "gen-attack",
    title: "GenAttack",
    attack: genAttack(),
    profiles: [],
    reason: "Square finds more in the same ball with the same queries.",
    cost: 5000,
  },
  {
    id: "threshold",
    title: "Evolution of all features in the ball",
    attack: threshold(),
    profiles: [],
    reason: "Square finds more in the same ball with far fewer queries.",
    cost: 40_400,
  },
  {
    id: "one-pixel",
    title: "One pixel, by evolution",
    attack: onePixel(),
    profiles: [],
    reason: "It asks how many single pixels decide, in L0, and takes 40 000 queries for each sample that stands.",
    cost: 40_400,
  },
  {
    id: "pixle",
    title: "Pixle",
    attack: pixle(),
    profiles: [],
    reason: "It moves pixels about, in L0: for pictures whose pixels an attacker can only rearrange.",
    cost: 200,
  },
  {
    id: "zoo",
    title: "ZOO",
    attack: zoo(),
    profiles: [],
    reason: "Its 257 queries for one step come to millions for a sample; Square answers for less.",
    norm: "l2",
    cost: 9 * 3000 * 257,
  },
];
