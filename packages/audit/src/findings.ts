import type { FinishedCheck } from "./checks/check.ts";
import { worstOutcomes } from "./checks/worst-case.ts";
import type { AuditEvent } from "./events.ts";
import type { ClassRow, GalleryItem } from "./report.ts";
import type { OpenSubject } from "./subject.ts";

const GALLERY_ITEMS = 12;

/** What the finished checks of a subject say together. `attacks` are those that share the main threat. */
export function findingsOf(
  subject: OpenSubject,
  finished: ReadonlyMap<string, FinishedCheck>,
  attacks: readonly string[],
): Extract<AuditEvent, { type: "findings" }> {
  const checks = [...finished.values()];
  return {
    type: "findings",
    subject: subject.name,
    perClass: perClass(subject, finished.get("accuracy"), worstOutcomes(checks, attacks)),
    gallery: gallery(checks),
    assumptions: [...new Set(checks.flatMap(({ assumptions }) => assumptions ?? []))],
  };
}

function perClass(
  { classNames, labels, samples }: OpenSubject,
  accuracy: FinishedCheck | undefined,
  worst: ReturnType<typeof worstOutcomes>,
): readonly ClassRow[] {
  if (!accuracy?.samples || worst.size === 0) return [];
  const { index, status } = accuracy.samples;
  const clean = new Map(index.map((sample, row) => [sample, status[row]!]));
  return classNames.flatMap((name, label) => {
    const members = samples.filter((sample) => labels[sample] === label);
    const attacked = members.flatMap((sample) => worst.get(sample) ?? []);
    if (members.length === 0 || attacked.length === 0) return [];
    const becomes = mostFrequent(attacked.filter((each) => each.status === "broken").map((each) => each.prediction));
    return {
      name,
      samples: members.length,
      clean: members.filter((sample) => clean.get(sample) !== "wrong").length / members.length,
      robust: attacked.filter((each) => each.status === "robust").length / attacked.length,
      ...(becomes !== undefined && { becomes: classNames[becomes]! }),
    };
  });
}

function mostFrequent(values: readonly number[]): number | undefined {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].sort(([a, x], [b, y]) => y - x || a - b)[0]?.[0];
}

/** Items of all attacks in turn, each sample once. */
function gallery(checks: readonly FinishedCheck[]): readonly GalleryItem[] {
  const items = checks.flatMap(({ gallery = [] }) => gallery.map((item, rank) => ({ item, rank })));
  const seen = new Set<number>();
  return items
    .sort((a, b) => a.rank - b.rank)
    .map(({ item }) => item)
    .filter(({ sample }) => !seen.has(sample) && seen.add(sample))
    .slice(0, GALLERY_ITEMS);
}
