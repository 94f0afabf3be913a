import { accuracyCheck } from "./checks/accuracy.ts";
import { attackCheck } from "./checks/attack.ts";
import type { AttackRow } from "./checks/attacks/attack-row.ts";
import { rowsOf } from "./checks/attacks/index.ts";
import type { Check } from "./checks/check.ts";
import { inspectionCheck } from "./checks/inspection.ts";
import { validityCheck } from "./checks/validity.ts";
import { worstCaseCheck } from "./checks/worst-case.ts";
import type { AuditSettings, Norm } from "./report.ts";
import { inNorm } from "./settings.ts";
import type { OpenSubject } from "./subject.ts";

export interface Plan {
  readonly checks: readonly Check[];
  /** Ids of the attacks whose results can be taken together, since all stay in the ball that the verdict is about. */
  readonly mainAttacks: readonly string[];
  /** What the profile has but this model or norm cannot have, and what was derived. */
  readonly assumptions: readonly string[];
}

/** The checks that a profile runs on a subject, in order. */
export function planFor(subject: OpenSubject, settings: AuditSettings): Plan {
  const { profile, epsilons, seed } = settings;
  const norm = settings.norm as Exclude<Norm, "l0">;
  const { rows, assumptions } = fitting(rowsOf(profile), subject, norm);
  const total = subject.samples.length;
  const attacks = rows.map((row) => {
    const ladder =
      row.norm === undefined ? epsilons : epsilons.map((epsilon) => inNorm(row.norm!, epsilon, subject.width));
    const radii = row.isCurve || row.attack.aim === "nearest" ? ladder : ladder.slice(-1);
    const rounds = row.attack.aim === "inside" ? radii.length : 1;
    const { id, title, attack, cost } = row;
    const samples = Math.min(total, row.samples ?? total);
    return attackCheck({
      id,
      title,
      attack,
      norm: row.norm ?? norm,
      epsilons: radii,
      samples,
      seed,
      costPerSample: cost * rounds,
    });
  });
  const mainAttacks = rows
    .filter((row) => (row.norm ?? norm) === norm && row.attack.aim !== "anywhere")
    .map(({ id }) => id);
  return {
    checks: [
      inspectionCheck,
      accuracyCheck(total),
      ...attacks,
      worstCaseCheck({ norm, epsilons, attacks: mainAttacks }),
      validityCheck,
    ],
    mainAttacks,
    assumptions,
  };
}

function fitting(
  rows: readonly AttackRow[],
  { image, width }: OpenSubject,
  norm: Exclude<Norm, "l0">,
): { readonly rows: readonly AttackRow[]; readonly assumptions: readonly string[] } {
  const assumptions: string[] = [];
  const kept = rows.filter(({ title, attack, imagesOnly, norm: own }) => {
    if (imagesOnly && !image) return false;
    if (own !== undefined && norm !== "linf") return false; // its radius is derived from one in Linf
    if (attack.norms.includes(own ?? norm)) return true;
    assumptions.push(`${title} has no form in ${norm} and is not part of this audit.`);
    return false;
  });
  if (kept.some((row) => row.norm !== undefined)) {
    assumptions.push(`Radii in L2 were derived from those in Linf: epsilon · √${width} / 4.`);
  }
  return { rows: kept, assumptions };
}
