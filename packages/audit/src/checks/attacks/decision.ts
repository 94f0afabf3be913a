import {
  blendedNoise,
  contrastReduction,
  gaussianNoise,
  hopSkipJump,
  saltAndPepper,
  uniformNoise,
} from "@casemate/attacks";
import type { AttackRow } from "./attack-row.ts";

/** Attacks that need decisions only, and the noise and path families that any attack must beat. */
export const decisionRows: readonly AttackRow[] = [
  {
    id: "noise",
    title: "Uniform noise",
    attack: uniformNoise(),
    profiles: ["quick", "standard", "thorough"],
    cost: 10,
  },
  {
    id: "contrast",
    title: "Contrast reduction",
    attack: contrastReduction(),
    profiles: ["standard", "thorough"],
    cost: 60,
  },
  {
    id: "gaussian-noise",
    title: "Gaussian noise",
    attack: gaussianNoise(),
    profiles: [],
    reason: "In a ball of Linf it asks what uniform noise asks, with less of the ball used.",
    cost: 10,
  },
  {
    id: "salt-and-pepper",
    title: "Salt and pepper",
    attack: saltAndPepper(),
    profiles: [],
    reason: "Its changes are few and large: it says something in L0 and L1, not in the small balls of a usual audit.",
    cost: 1000,
  },
  {
    id: "blended-noise",
    title: "Blend with noise",
    attack: blendedNoise(),
    profiles: [],
    reason: "A starting point for decision attacks, which go on from there.",
    cost: 1000,
  },
  {
    id: "hop-skip-jump",
    title: "HopSkipJump",
    attack: hopSkipJump(),
    profiles: ["thorough"],
    samples: 100,
    cost: 20_000,
  },
];
