import { fillSigns, fillUniform } from "@casemate/tensor";
import type { Attack } from "../attack.ts";
import type { Search } from "../engine/search.ts";
import { valueAt } from "../threats/radii.ts";
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

export interface PathAttackFacts {
  readonly repeats?: number;
  readonly pathOf: (search: Search) => Place;
  readonly citation?: Attack["citation"];
}

/** An attack along a path of its own. */
export function pathAttack(
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
