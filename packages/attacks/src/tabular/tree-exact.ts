import type { Attack } from "../attack.ts";
import type { Search } from "../engine/search.ts";
import { CellSearch } from "./cell-search.ts";
import { Domain } from "./domain.ts";
import { treesOf } from "./tree-classifier.ts";

export interface TreeExactOptions {
  /** Boxes of the input space to look at for a sample before it is given up. */
  readonly maximumBoxes?: number;
}

/**
 * The smallest change that evades decision trees, by branch and bound on the boxes that they cut the input into (what
 * Kantchelian et al., 2016, https://arxiv.org/abs/1509.07892, solve as an integer program; the bound on what trees can do
 * together is that of Chen et al., 2019, https://arxiv.org/abs/1906.03849, with cliques of one). Searches as far as the largest
 * epsilon: what is robust then is proven so, for float32 inputs. A sample on which it gives up is failed, with its bounds, except
 * at radii where something was found. Respects masks, ranges, whole numbers, directions and one-hot groups exactly; under
 * formulas and orders it proves less. Needs a model opened by `openTreeClassifier`; the model is asked for decisions only.
 */
export function treeExact({ maximumBoxes = 20_000 }: TreeExactOptions = {}): Attack {
  return {
    name: "Exact tree evasion",
    access: "decision",
    aim: "nearest",
    norms: ["linf", "l2", "l1", "l0"],
    restarts: 0,
    parameters: { maximumBoxes },
    citation: { text: "Kantchelian et al., 2016", url: "https://arxiv.org/abs/1509.07892" },
    async *attempt(search) {
      const ensemble = treesOf(search.model, this.name);
      const { threat } = search;
      const slots = search.integers();
      const cells = Array.from({ length: search.active }, (_, row) => {
        slots.values[row] = row;
        const domain = new Domain(search.origin.row(row), threat, search.model.bounds);
        return new CellSearch(ensemble, domain, search.goal(row), { norm: threat.norm, maximumBoxes });
      });
      const steps = search.active;
      const cellsOf = (row: number) => cells[slots.values[row]!]!;
      await ask(
        search,
        rowsOf(search, (row) => cellsOf(row).firstGuesses()),
      );
      while (search.active > 0) {
        yield { step: steps - search.active, steps };
        await search.pause();
        const found = rowsOf(search, (row) => {
          const candidate = cellsOf(row).next(reachOf(search, row));
          return candidate ? [candidate] : [];
        });
        await ask(search, found);
        search.dismiss((row) => {
          const reach = reachOf(search, row);
          const cell = cellsOf(row);
          if (cell.isSettled(reach) || (search.kept(row) && cell.lowerBound >= reach * (1 - 1e-9))) return true;
          return cell.hasEnded(reach) && whyNotExact(cell, search.kept(row)?.distance);
        });
      }
    },
  };
}

interface Asked {
  readonly row: number;
  readonly point: Float32Array;
}

/** What there is to ask of each row. */
function rowsOf(search: Search, pointsOf: (row: number) => readonly { readonly point: Float32Array }[]): Asked[] {
  return Array.from({ length: search.active }, (_, row) => row).flatMap((row) =>
    pointsOf(row).map(({ point }) => ({ row, point })),
  );
}

/** Asks the model about points and keeps those that are adversarial. */
async function ask(search: Search, asked: readonly Asked[]): Promise<void> {
  if (asked.length === 0) return;
  const points = new Float32Array(asked.length * search.width);
  for (const [i, { point }] of asked.entries()) points.set(point, i * search.width);
  const answers = await search.decide(
    points,
    asked.map(({ row }) => row),
  );
  for (const [i, { row, point }] of asked.entries()) if (answers[i]) search.keep(row, point);
}

/** How far it makes sense to look: as far as what is known, or as the attacker can go. */
function reachOf(search: Search, row: number): number {
  const { epsilon } = search.threat;
  const known = search.kept(row)?.distance ?? Infinity;
  return Math.min(known, typeof epsilon === "number" ? epsilon * (1 + 2e-5) : Infinity);
}

function whyNotExact({ lowerBound, boxes }: CellSearch, found: number | undefined): string {
  const above = found === undefined ? "and nothing was found" : `and the nearest found is at ${found}`;
  return `not exact after ${boxes} boxes: nothing is nearer than ${lowerBound}, ${above}`;
}
