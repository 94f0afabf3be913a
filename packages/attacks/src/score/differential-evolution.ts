import { wordToUniform } from "@casemate/tensor";
import type { Step } from "../attack.ts";
import type { Search } from "../engine/search.ts";
import { AttackError } from "../errors.ts";
import { wordsFor } from "./random-words.ts";
import { crossEntropyAt, scorePoints } from "./score-points.ts";

/** A population of candidate changes for each sample, and what their genes mean. */
export interface Evolution {
  readonly genes: number;
  readonly population: number;
  readonly generations: number;
  /** Fills the genes of a first individual. */
  begin(row: number, individual: number, genes: Float32Array): void;
  /** Brings genes back to what they may be. */
  limit(row: number, genes: Float32Array): void;
  /** Changes a copy of the sample as genes say. */
  express(row: number, genes: Float32Array, point: Float32Array): void;
}

/**
 * Differential evolution (Storn & Price, 1997) of the cross-entropy, as Su et al. (2019) use it: a child is x₁ + ½ (x₂ - x₃) of
 * three random individuals, without crossover, and takes the place of the individual of its number if it is no worse. Samples
 * evolve in groups, as many at once as memory allows; what stands is left at its fittest. Yields after each generation.
 */
export async function* evolve(search: Search, evolution: Evolution): AsyncGenerator<Step, void> {
  const { population, genes, generations } = evolution;
  if (population < 4) {
    throw new AttackError("INVALID_OPTION", `evolution: expected a population of at least 4, got ${population}`);
  }
  const floats = population * genes;
  const groupSize = Math.max(1, Math.floor(GROUP_BYTES / (4 * floats)));
  const groups = Math.ceil(search.active / groupSize);
  const places = search.integers(); // counted over all samples, as they stand at first
  for (let row = 0; row < search.active; row++) places.values[row] = row;

  for (let group = 0; group < groups; group++) {
    const first = group * groupSize;
    const rowsOfGroup = (): number[] =>
      rowNumbers(search).filter((row) => places.values[row]! >= first && places.values[row]! < first + groupSize);
    const capacity = rowsOfGroup().length;
    const parents = new Float32Array(capacity * floats);
    const children = new Float32Array(capacity * floats);
    const fitness = new Float64Array(capacity * population).fill(-Infinity);
    const slot = (row: number, individual: number): number => (places.values[row]! - first) * population + individual;
    const genesOf = (from: Float32Array, at: number): Float32Array => from.subarray(at * genes, (at + 1) * genes);

    for (let generation = 0; generation <= generations; generation++) {
      const rows = rowsOfGroup();
      if (rows.length === 0) break;
      for (const row of rows) {
        const words = generation === 0 ? undefined : wordsFor(search, row, generation, 3 * population);
        for (let individual = 0; individual < population; individual++) {
          const child = genesOf(children, slot(row, individual));
          if (!words) evolution.begin(row, individual, child);
          else
            mix(
              child,
              threeOf(words, individual, population, (other) => genesOf(parents, slot(row, other))),
            );
          evolution.limit(row, child);
        }
      }
      const owners = Int32Array.from({ length: rows.length * population }, (_, i) => rows[Math.floor(i / population)]!);
      const scores = await scorePoints(search, owners, (index, point) => {
        const row = owners[index]!;
        point.set(search.origin.row(row));
        evolution.express(row, genesOf(children, slot(row, index % population)), point);
        search.pin(row, point);
      });
      for (const [index, row] of owners.entries()) {
        const at = slot(row, index % population);
        const reached = crossEntropyAt(search, row, scores, index);
        if (!(reached >= fitness[at]!)) continue;
        fitness[at] = reached;
        genesOf(parents, at).set(genesOf(children, at));
      }
      search.dismiss();
      yield { step: group * (generations + 1) + generation + 1, steps: groups * (generations + 1) };
    }
    for (const row of rowsOfGroup()) {
      const from = slot(row, 0);
      const fittest = indexOfLargest(fitness.subarray(from, from + population));
      evolution.express(row, genesOf(parents, from + fittest), search.x.row(row));
      search.pin(row, search.x.row(row));
    }
  }
}

const GROUP_BYTES = 32 * 2 ** 20;

function indexOfLargest(values: Float64Array): number {
  let largest = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[largest]!) largest = i;
  return largest;
}

function rowNumbers(search: Search): number[] {
  return Array.from({ length: search.active }, (_, row) => row);
}

type Genes = Float32Array;

/** Three different individuals other than `individual`. */
function threeOf(
  words: Uint32Array,
  individual: number,
  population: number,
  genesOf: (other: number) => Genes,
): [Genes, Genes, Genes] {
  const taken = [individual];
  const pick = (nth: number): Genes => {
    let chosen = Math.floor(wordToUniform(words[3 * individual + nth]!) * (population - taken.length));
    for (const other of taken) if (chosen >= other) chosen++; // the taken are in rising order
    taken.push(chosen);
    taken.sort((a, b) => a - b);
    return genesOf(chosen);
  };
  return [pick(0), pick(1), pick(2)];
}

function mix(child: Genes, [base, plus, minus]: readonly [Genes, Genes, Genes]): void {
  for (let j = 0; j < child.length; j++) child[j] = base[j]! + 0.5 * (plus[j]! - minus[j]!);
}
