import { wordToUniform } from "@casemate/tensor";
import type { Attack } from "../attack.ts";
import type { Search } from "../engine/search.ts";
import { AttackError } from "../errors.ts";
import { logOddsTowards } from "../models/logit-losses.ts";
import { radiiOf, valueAt } from "../threats/radii.ts";
import { wordsFor } from "./random-words.ts";
import { scorePoints } from "./score-points.ts";

export interface GenAttackOptions {
  readonly generations?: number;
  /** Candidates for each sample; at least 2. */
  readonly population?: number;
  /** Least probability that a feature of a child mutates. */
  readonly mutationRate?: number;
  /** Least reach of a mutation in units of epsilon. */
  readonly mutationRange?: number;
  /** Of the softmax that parents are drawn from: near 0 only the best have children. */
  readonly temperature?: number;
}

/**
 * GenAttack (Alzantot et al., 2019, https://arxiv.org/abs/1805.11090): a genetic algorithm in the ball. The best candidate
 * stays; the others are crossed from two parents drawn by fitness and mutated. As in the paper's parameter-free form, rate and
 * range of mutation begin at 0.5 and 0.4 and shrink by a tenth whenever 100 generations brought nothing better. The authors'
 * temperature; their reduction of the search to smaller images is not offered.
 */
export function genAttack({
  generations = 1000,
  population = 6,
  mutationRate = 0.1,
  mutationRange = 0.15,
  temperature = 0.3,
}: GenAttackOptions = {}): Attack {
  return {
    name: "GenAttack",
    access: "score",
    aim: "inside",
    norms: ["linf"],
    restarts: 0,
    parameters: { generations, population, mutationRate, mutationRange, temperature },
    citation: { text: "Alzantot et al., 2019", url: "https://arxiv.org/abs/1805.11090" },
    async *attempt(search) {
      if (population < 2) {
        throw new AttackError("INVALID_OPTION", `GenAttack: expected a population of at least 2, got ${population}`);
      }
      const { threat, model, width, origin } = search;
      const radii = radiiOf(threat.epsilon, threat.mask);
      const parents = search.floats(population * width);
      const children = search.floats(population * width);
      const fitness = search.floats(population);
      const best = search.doubles();
      const stale = search.integers(); // generations since there was something better
      const plateaus = search.integers();
      const member = (row: number, index: number, of = parents): Float32Array =>
        of.row(row).subarray(index * width, (index + 1) * width);

      /** Scores members from `first` on, the fittest being at 0 already, and lets samples leave. */
      const score = async (first: number): Promise<void> => {
        const each = population - first;
        const owners = Int32Array.from({ length: search.active * each }, (_, i) => Math.floor(i / each));
        const place = (i: number, point: Float32Array) => point.set(member(owners[i]!, first + (i % each)));
        const scores = await scorePoints(search, owners, place);
        for (const [i, row] of owners.entries()) {
          const logits = scores.logits.subarray(i * model.classes, (i + 1) * model.classes);
          fitness.row(row)[first + (i % each)] = logOddsTowards(search.goal(row), logits);
        }
        search.dismiss();
      };

      for (let row = 0; row < search.active; row++) {
        for (let index = 0; index < population; index++) {
          const words = wordsFor(search, row, 0, width, index);
          const point = member(row, index);
          const center = origin.row(row);
          for (let j = 0; j < width; j++) {
            point[j] = center[j]! + valueAt(radii, j) * (2 * wordToUniform(words[j]!) - 1);
          }
          threat.project(point, center, width, model.bounds);
        }
      }
      best.values.fill(-Infinity);
      await score(0);
      for (let generation = 1; generation <= generations && search.active > 0; generation++) {
        for (let row = 0; row < search.active; row++) {
          const values = fitness.row(row);
          const elite = indexOfLargest(values);
          stale.values[row] = values[elite]! > best.values[row]! ? 0 : stale.values[row]! + 1;
          best.values[row] = Math.max(best.values[row]!, values[elite]!);
          if (stale.values[row]! >= PATIENCE) {
            stale.values[row] = 0;
            plateaus.values[row]!++;
          }
          const shrunk = 0.9 ** plateaus.values[row]!;
          const mutation = {
            rate: Math.max(mutationRate, 0.5 * shrunk),
            range: Math.max(mutationRange, 0.4 * shrunk),
          };
          const chances = softmax(values, temperature);
          member(row, 0, children).set(member(row, elite));
          for (let index = 1; index < population; index++) {
            const words = wordsFor(search, row, generation, 2 + 2 * width, index);
            const [one, two] = [drawFrom(chances, words[0]!), drawFrom(chances, words[1]!)];
            const child = member(row, index, children);
            cross(child, member(row, one), member(row, two), chances[one]! / (chances[one]! + chances[two]!), words);
            mutate(child, mutation, radii, words);
            threat.project(child, origin.row(row), width, model.bounds);
          }
          values[0] = values[elite]!;
          parents.row(row).set(children.row(row));
        }
        await score(1);
        yield { step: generation, steps: generations };
      }
      await settle(search, (row) => member(row, indexOfLargest(fitness.row(row))));
    },
  };
}

const PATIENCE = 100;

/** Takes each feature from the first parent with probability `share`. The words from 2 on decide, by their upper halves. */
function cross(child: Float32Array, one: Float32Array, two: Float32Array, share: number, words: Uint32Array): void {
  const limit = share * 2 ** 16;
  for (let j = 0; j < child.length; j++) child[j] = words[2 + j]! >>> 16 < limit ? one[j]! : two[j]!;
}

/** Moves features by up to `range`, each with probability `rate`. The lower halves of the words decide. */
function mutate(
  child: Float32Array,
  { rate, range }: { readonly rate: number; readonly range: number },
  radii: number | Float32Array,
  words: Uint32Array,
): void {
  const limit = rate * 2 ** 16;
  const width = child.length;
  for (let j = 0; j < width; j++) {
    if ((words[2 + j]! & 0xffff) >= limit) continue;
    child[j] = child[j]! + range * valueAt(radii, j) * (2 * wordToUniform(words[2 + width + j]!) - 1);
  }
}

/** Evaluates the fittest of each sample, so that the margin it stands by is known. */
async function settle(search: Search, fittest: (row: number) => Float32Array): Promise<void> {
  if (search.active === 0) return;
  for (let row = 0; row < search.active; row++) search.x.row(row).set(fittest(row));
  await search.evaluate();
}

function indexOfLargest(values: Float32Array): number {
  let largest = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[largest]!) largest = i;
  return largest;
}

function softmax(values: Float32Array, temperature: number): Float64Array {
  const top = values[indexOfLargest(values)]!;
  const shares = Float64Array.from(values, (value) => Math.exp((value - top) / temperature));
  const sum = shares.reduce((total, share) => total + share, 0);
  return shares.map((share) => share / sum);
}

/** An index drawn by its chance. */
function drawFrom(chances: Float64Array, word: number): number {
  let left = wordToUniform(word);
  for (let i = 0; i < chances.length; i++) {
    left -= chances[i]!;
    if (left < 0) return i;
  }
  return chances.length - 1;
}
