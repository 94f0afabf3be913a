import type { Ecosystem } from "./dependency.ts";
import { normalName } from "./dependency.ts";

/** Names that people trust, in one ecosystem. */
export interface PopularNames {
  readonly names: ReadonlySet<string>;
  /** The same with everything left out that a squatter changes, each with the name it stands for. */
  readonly skeletons: ReadonlyMap<string, string>;
  /** By length of the skeleton. */
  readonly byLength: ReadonlyMap<number, readonly string[]>;
}

/** Prepares a list of names, one on a line, most popular first; lines with "#" are comments. */
export function popularNames(ecosystem: Ecosystem, list: string): PopularNames {
  const names = list
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((name) => normalName(ecosystem, name));
  const skeletons = new Map<string, string>();
  const byLength = new Map<number, string[]>();
  for (const name of names) {
    const skeleton = skeletonOf(name);
    if (!skeletons.has(skeleton)) skeletons.set(skeleton, name);
    const group = byLength.get(name.length);
    if (group) group.push(name);
    else byLength.set(name.length, [name]);
  }
  return { names: new Set(names), skeletons, byLength };
}

/** Characters that look alike, of other scripts and of this one (Unicode TR 39, the part that registries allow). */
const ALIKE: Readonly<Record<string, string>> = {
  "0": "o",
  "1": "l",
  i: "l",
  "5": "s",
  а: "a",
  е: "e",
  о: "o",
  р: "p",
  с: "c",
  х: "x",
  у: "y",
  ѕ: "s",
  і: "l",
  ԁ: "d",
  һ: "h",
  ο: "o",
  α: "a",
};
const SHORTEST = 5;
const AFFIXES = [
  "python",
  "py",
  "js",
  "node",
  "lib",
  "dev",
  "official",
  "new",
  "latest",
  "cuda",
  "gpu",
  "nightly",
  "secure",
  "utils",
  "tools",
  "sdk",
  "client",
  "api",
  "core",
  "cli",
  "plus",
  "pro",
  "fix",
  "update",
];

/** A name without separators, and with characters that look alike made one. */
function skeletonOf(name: string): string {
  return [...name.replace(/^@[^/]*\//, "").replace(/[-_.]/g, "")]
    .map((each) => ALIKE[each] ?? each)
    .join("")
    .replace(/rn/g, "m")
    .replace(/vv/g, "w");
}

export interface Likeness {
  readonly popular: string;
  readonly how: string;
}

/** The popular name that an unpopular one could be taken for; undefined if there is none. */
export function likenessOf(
  ecosystem: Ecosystem,
  written: string,
  { names, skeletons, byLength }: PopularNames,
): Likeness | undefined {
  const name = normalName(ecosystem, written);
  if (names.has(name)) return undefined;
  const bare = name.replace(/^@[^/]*\//, "");
  const twin = skeletons.get(skeletonOf(name));
  if (twin !== undefined && bare.length >= 4 && !(name.startsWith("@") && twin === bare))
    return { popular: twin, how: "differs in separators, or in characters that look alike" };
  if (name.startsWith("@")) return undefined; // a scope belongs to somebody
  if (bare.length >= SHORTEST) {
    const reach = bare.length >= 10 ? 2 : 1;
    for (let length = bare.length - reach; length <= bare.length + reach; length++) {
      for (const popular of byLength.get(length) ?? []) {
        if (popular.length < SHORTEST || popular[0] !== bare[0]) continue; // a wrong first letter is seen at once
        const allowed = Math.min(reach, popular.length >= 10 ? 2 : 1);
        if (distanceWithin(bare, popular, allowed) <= allowed) return { popular, how: "differs in a letter or two" };
      }
    }
  }
  return swapped(name, names) ?? withAffix(name, names);
}

/** "parse-html" for "html-parse". */
function swapped(name: string, names: ReadonlySet<string>): Likeness | undefined {
  const words = name.split("-");
  if (words.length !== 2) return undefined;
  const popular = `${words[1]}-${words[0]}`;
  return names.has(popular) ? { popular, how: "has its words swapped" } : undefined;
}

const TOP = 300;

/** "requests-official" for "requests": only for the most popular names. */
function withAffix(name: string, names: ReadonlySet<string>): Likeness | undefined {
  for (const affix of AFFIXES) {
    for (const popular of [
      name.startsWith(`${affix}-`) ? name.slice(affix.length + 1) : undefined,
      name.endsWith(`-${affix}`) ? name.slice(0, -affix.length - 1) : undefined,
    ]) {
      if (popular === undefined || !names.has(popular)) continue;
      if (
        ["official", "new", "latest", "secure", "fix", "update", "nightly"].includes(affix) &&
        rankOf(popular, names) < TOP
      )
        return { popular, how: `adds '${affix}'` };
    }
  }
  return undefined;
}

function rankOf(name: string, names: ReadonlySet<string>): number {
  let rank = 0;
  for (const each of names) {
    if (each === name) return rank;
    rank++;
  }
  return rank;
}

/** Edits and swaps of neighbours between two names (optimal string alignment), or more than `limit` as soon as that is sure. */
export function distanceWithin(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    let least = row;
    for (let column = 1; column <= b.length; column++) {
      const cost = a[row - 1] === b[column - 1] ? 0 : 1;
      let value = Math.min(previous[column]! + 1, current[column - 1]! + 1, previous[column - 1]! + cost);
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1])
        value = Math.min(value, before[column - 2]! + 1);
      current.push(value);
      least = Math.min(least, value);
    }
    if (least > limit) return limit + 1;
    before = previous;
    previous = current;
  }
  return previous[b.length]!;
}
