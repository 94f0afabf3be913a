import { type AttackRow, type AuditOptions, attackRows, NORMS, plannedRows } from "@casemate/audit";
import type { Console } from "../console.ts";
import { table } from "../table.ts";

const kinds = ["images", "tables", "trees"] as const;
const profiles = ["quick", "standard", "thorough"] as const;

/** The plan of each profile for each kind of model, and the attacks that no profile runs, with the reason. */
export function listedAttacks(norm: NonNullable<AuditOptions["norm"]>, paint: Console["printPaint"]): string {
  const plans = profiles.flatMap((profile) => [
    "",
    paint.bold(`${profile}, in ${NORMS[norm]}`),
    planTable(profile, norm),
  ]);
  const others = attackRows.filter((row) => row.profiles.length === 0);
  return [
    ...plans.slice(1),
    "",
    paint.bold("In no profile; run with --attack"),
    table(
      others.map((row) => [
        `  ${row.id}`,
        row.title,
        row.through ? "score" : row.attack.access,
        normsOf(row),
        row.reason!,
      ]),
    ),
  ].join("\n");
}

/** The same as data. */
export function attacksAsJson(norm: NonNullable<AuditOptions["norm"]>): unknown {
  return {
    profiles: profiles.map((profile) => ({
      profile,
      plans: kinds.map((kind) => ({ kind, attacks: plannedRows(profile, kind, norm).map(({ id }) => id) })),
    })),
    attacks: attackRows.map(({ id, title, attack, profiles: partOf, only, samples, reason }) => ({
      id,
      title,
      access: attack.access,
      aim: attack.aim,
      norms: attack.norms,
      parameters: attack.parameters,
      citation: attack.citation,
      profiles: partOf,
      ...(only && { only }),
      ...(samples !== undefined && { samples }),
      ...(reason !== undefined && { reason }),
    })),
  };
}

function planTable(profile: (typeof profiles)[number], norm: NonNullable<AuditOptions["norm"]>): string {
  const plans = kinds.map((kind) => plannedRows(profile, kind, norm));
  const rows = attackRows
    .filter((row) => plans.some((plan) => plan.includes(row)))
    .sort((a, b) => a.cost - b.cost)
    .map((row) => [
      `  ${row.id}`,
      row.title,
      row.through ? "score" : row.attack.access,
      kinds.filter((_, index) => plans[index]!.includes(row)).join(", "),
      row.samples === undefined ? "" : `${row.samples} samples`,
    ]);
  return table(rows);
}

function normsOf({ attack }: AttackRow): string {
  return attack.aim === "anywhere" ? "no ball" : attack.norms.map((norm) => NORMS[norm]).join(" ");
}
