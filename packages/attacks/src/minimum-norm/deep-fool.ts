import { clip, norms } from "@casemate/tensor";
import type { Attack } from "../attack.ts";
import type { Search } from "../engine/search.ts";
import { dual, maskSlopes, meanRange } from "./box.ts";
import { refuseTargets } from "./untargeted.ts";

export interface DeepFoolOptions {
  readonly steps?: number;
  /** How many classes are considered, the predicted one included: those that the clean sample scores highest. */
  readonly candidates?: number;
  /** By what share to go beyond where the boundary seems to be. */
  readonly overshoot?: number;
}

/**
 * DeepFool (Moosavi-Dezfooli et al., 2016, https://arxiv.org/abs/1511.04599) with the defaults of the authors' code: steps to
 * the nearest class boundary of the model made linear, until the class changes. Unlike the authors', it keeps to the bounds. A
 * sample leaves when its class has changed. Untargeted only: throws an AttackError UNSUPPORTED_THREAT for a target.
 */
export function deepFool({ steps = 50, candidates = 10, overshoot = 0.02 }: DeepFoolOptions = {}): Attack {
  return {
    name: "DeepFool",
    access: "gradient",
    aim: "nearest",
    norms: ["l2", "linf"],
    restarts: 0,
    parameters: { steps, candidates, overshoot },
    citation: { text: "Moosavi-Dezfooli et al., 2016", url: "https://arxiv.org/abs/1511.04599" },
    async *attempt(search) {
      const { model } = search;
      refuseTargets(search, "DeepFool");
      const rivals = Math.min(candidates, model.classes) - 1;
      const ranking = search.floats(rivals);
      const change = search.floats();
      await search.evaluate();
      rankRivals(search, ranking.values, rivals);
      for (let step = 1; step <= steps; step++) {
        search.dismiss((row) => search.adversarial.values[row] === 1);
        for (const rows of inGroups(search, rivals))
          await addSteps(search, rows, ranking.values, change.values, rivals);
        search.dismiss(); // whoever could not be differentiated
        const { x, origin } = search;
        for (let i = 0; i < x.values.length; i++) x.values[i] = origin.values[i]! + (1 + overshoot) * change.values[i]!;
        clip(x.values, model.bounds.lower, model.bounds.upper);
        await search.evaluate();
        yield { step, steps };
      }
    },
  };
}

/** Writes the highest scored classes other than the label of each row, the highest first. */
function rankRivals({ active, logits, labels }: Search, ranking: Float32Array, rivals: number): void {
  for (let row = 0; row < active; row++) {
    const scores = logits.row(row);
    const others = [...scores.keys()].filter((k) => k !== labels.values[row]);
    others.sort((a, b) => scores[b]! - scores[a]!);
    ranking.set(others.slice(0, rivals), row * rivals);
  }
}

/** Adds to the change of each row of a group the step to the nearest of the boundaries to its rivals, all asked in one call. */
async function addSteps(
  search: Search,
  { first, count }: Group,
  ranking: Float32Array,
  change: Float32Array,
  rivals: number,
): Promise<void> {
  const { model, threat, width, x } = search;
  const nudge = NUDGE * meanRange(model.bounds, width);
  const points = new Float32Array(count * rivals * width);
  const owners = new Int32Array(count * rivals);
  for (let i = 0; i < owners.length; i++) {
    owners[i] = first + Math.floor(i / rivals);
    points.set(x.row(owners[i]!), i * width);
  }
  const targets = Int32Array.from(ranking.subarray(first * rivals, (first + count) * rivals));
  const { loss, gradient } = await search.differentiateAt(points, owners, "difference", { targets });
  maskSlopes(gradient, threat.mask);
  const slopes = norms(dual[threat.norm as "l2" | "linf"], gradient, width);
  for (let row = first; row < first + count; row++) {
    let nearest = -1;
    let distance = Infinity;
    for (let i = (row - first) * rivals, end = i + rivals; i < end; i++) {
      const away = Math.abs(loss[i]!) / slopes[i]!;
      if (away < distance) [nearest, distance] = [i, away];
    }
    if (nearest < 0) continue; // no slope leads anywhere
    for (let j = 0, k = row * width, g = nearest * width; j < width; j++, k++, g++) {
      const direction = threat.norm === "l2" ? gradient[g]! / slopes[nearest]! : Math.sign(gradient[g]!);
      change[k]! += (distance + nudge) * direction;
    }
  }
}

interface Group {
  readonly first: number;
  readonly count: number;
}

/** Groups of active rows whose points take no more than a few megabytes. */
function inGroups({ active, width }: Search, rivals: number): Group[] {
  const size = Math.max(1, Math.floor(Math.max(POINTS, POINT_BYTES / (4 * width)) / rivals));
  return Array.from({ length: Math.ceil(active / size) }, (_, group) => ({
    first: group * size,
    count: Math.min(size, active - group * size),
  }));
}

const NUDGE = 1e-4; // added to each step by the authors' code, or else the boundary is only ever approached

const POINTS = 64;
const POINT_BYTES = 8 * 2 ** 20;
