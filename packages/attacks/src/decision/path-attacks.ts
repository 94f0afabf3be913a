import { fillSigns, fillUniform } from "@casemate/tensor";
import type { Attack } from "../attack.ts";
import type { Search } from "../engine/search.ts";
import { valueAt } from "../threats/radii.ts";
import { blurPath, box, gaussian, type Kernel } from "./blur.ts";
import { type Place, searchAlongPath } from "./path-search.ts";

export interface PathOptions {
  /** Equal steps along the path until something breaks. */
  readonly steps?: number;
  /** Halvings of the last step, back towards the sample. */
  readonly bisections?: number;
}

export interface RandomPathOptions extends PathOptions {
  /** Random paths tried on each sample; the nearest find counts. */
  readonly repeats?: number;
}

/** Sets a growing share of features, chosen at random, to the lower or upper bound. */
export function saltAndPepper({ repeats = 3, ...options }: RandomPathOptions = {}): Attack {
  return pathAttack("Salt and pepper", options, { repeats, pathOf: saltAndPepperPath });
}

/** From the sample to noise of the bounds; features give way one after another, in random order. */
export function saltAndPepperPath(search: Search): Place {
  const threshold = search.floats();
  const signs = search.floats();
  fillRows(search, (row) => {
    fillUniform(threshold.row(row), search.draw(row, 0));
    fillSigns(signs.row(row), search.draw(row, 0, 1));
  });
  return (row, t, point) => {
    point.set(search.origin.row(row));
    const limits = threshold.row(row);
    const sides = signs.row(row);
    const { lower, upper } = search.model.bounds;
    for (let j = 0; j < point.length; j++) if (limits[j]! < t) point[j] = valueAt(sides[j]! > 0 ? upper : lower, j);
  };
}

/** Blends the sample with an image of uniform noise. */
export function blendedNoise({ repeats = 3, ...options }: RandomPathOptions = {}): Attack {
  const pathOf = (search: Search): Place => {
    const noise = search.floats();
    fillRows(search, (row) => fillUniform(noise.row(row), search.draw(row, 0)));
    const { lower, upper } = search.model.bounds;
    return towards(
      search,
      (row, j) => valueAt(lower, j) + (valueAt(upper, j) - valueAt(lower, j)) * noise.row(row)[j]!,
    );
  };
  return pathAttack("Blended uniform noise", options, { repeats, pathOf });
}

/** Blends the sample with the middle of the bounds, which takes its contrast away. */
export function contrastReduction(options: PathOptions = {}): Attack {
  const pathOf = (search: Search): Place => {
    const { lower, upper } = search.model.bounds;
    return towards(search, (_, j) => (valueAt(lower, j) + valueAt(upper, j)) / 2);
  };
  return pathAttack("Contrast reduction", options, { pathOf });
}

/** Shows the sample's negative: one query and no path (Hosseini et al., 2017, https://arxiv.org/abs/1607.02533). */
export function inversion(): Attack {
  const pathOf = (search: Search): Place => {
    const { lower, upper } = search.model.bounds;
    return towards(search, (row, j) => valueAt(lower, j) + valueAt(upper, j) - search.origin.row(row)[j]!);
  };
  const citation = { text: "Hosseini et al., 2017", url: "https://arxiv.org/abs/1607.02533" };
  return pathAttack("Inversion", { steps: 1, bisections: 0 }, { pathOf, citation });
}

interface PathAttackFacts {
  readonly repeats?: number;
  readonly pathOf: (search: Search) => Place;
  readonly citation?: Attack["citation"];
}

/**
 * Blurs images with a Gaussian whose standard deviation grows up to the longer side, as Foolbox does in 1000 steps; here fewer
 * steps are refined by bisection.
 */
export function gaussianBlur(options: PathOptions = {}): Attack {
  return blur("Gaussian blur", options, { ...gaussian, isMotion: false });
}

/** Averages each pixel with a square around it that grows up to the size of the image. */
export function boxBlur(options: PathOptions = {}): Attack {
  return blur("Box blur", options, { ...box, isMotion: false });
}

/** Averages each pixel with its row to both sides, as if the camera had moved, further and further. */
export function motionBlur(options: PathOptions = {}): Attack {
  return blur("Motion blur", options, { ...box, isMotion: true });
}

function blur(name: string, { steps = 100, ...options }: PathOptions, kernel: Kernel): Attack {
  return pathAttack(name, { steps, ...options }, { pathOf: (search) => blurPath(search, name, kernel) });
}

function pathAttack(
  name: string,
  { steps = 50, bisections = 10 }: PathOptions,
  { repeats = 1, pathOf, citation = FOOLBOX }: PathAttackFacts,
): Attack {
  return {
    name,
    access: "decision",
    aim: "nearest",
    norms: ["linf", "l2", "l1"],
    restarts: repeats - 1,
    parameters: { steps, bisections, repeats },
    citation,
    async *attempt(search) {
      yield* searchAlongPath(search, pathOf(search), { steps, bisections });
    },
  };
}

function towards(search: Search, end: (row: number, feature: number) => number): Place {
  return (row, t, point) => {
    const near = search.origin.row(row);
    for (let j = 0; j < point.length; j++) point[j] = near[j]! + t * (end(row, j) - near[j]!);
  };
}

function fillRows(search: Search, fill: (row: number) => void): void {
  for (let row = 0; row < search.active; row++) fill(row);
}

const FOOLBOX = { text: "Rauber et al., 2020 (Foolbox)", url: "https://doi.org/10.21105/joss.02607" };
