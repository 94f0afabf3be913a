import { type Attack, threats } from "@casemate/attacks";
import { DefenseError } from "@casemate/defenses";
import { OnnxError } from "@casemate/onnx";
import { accuracyCheck } from "./checks/accuracy.ts";
import { adaptiveCheck, adaptiveId } from "./checks/adaptive.ts";
import { attackCheck } from "./checks/attack.ts";
import type { AttackRow } from "./checks/attacks/attack-row.ts";
import { attackRows, rowsOf } from "./checks/attacks/index.ts";
import { certifiedCheck } from "./checks/certified.ts";
import type { Check } from "./checks/check.ts";
import { corruptionsCheck } from "./checks/corruptions.ts";
import { inspectionCheck } from "./checks/inspection.ts";
import { metricsCheck } from "./checks/metrics.ts";
import { patchCheck } from "./checks/patch.ts";
import { validityCheck } from "./checks/validity.ts";
import { worstCaseCheck } from "./checks/worst-case.ts";
import { AuditError } from "./errors.ts";
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

/** The checks that a profile, or a choice of attacks, runs on a subject, in order. */
export async function planFor(subject: OpenSubject, settings: AuditSettings): Promise<Plan> {
  const { profile, epsilons, norm, seed } = settings;
  const withoutRule = await subject.operatorsWithoutGradient();
  const { mask, constraints } = subject.threat(norm, epsilons);
  const setting: Setting = {
    kind: subject.kind,
    hasGradients: withoutRule.length === 0,
    isRestricted: mask !== undefined || constraints !== undefined,
    norm,
    width: subject.width,
    obstacle: (attack, own) => attack.obstacle?.(subject.shape, threats[own](1, { ...(mask && { mask }) })),
  };
  const { rows, assumptions } = settings.attacks
    ? chosen(settings.attacks, profile, setting)
    : fitting(rowsOf(profile), setting);
  const isMain = (row: AttackRow) => (row.norm ?? norm) === norm && row.attack.aim !== "anywhere";
  const total = subject.samples.length;
  const attacks = rows.map((row, index) => {
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
      ...(row.through && { through: row.through }),
      ...(row.onlyStanding && {
        standingAfter: rows
          .slice(0, index)
          .filter(isMain)
          .map((each) => each.id),
      }),
    });
  });
  const tried = rows.filter(isMain).map(({ id }) => id);
  const adapts = profile !== "quick" && !settings.attacks && setting.hasGradients;
  const bounds = settings.attacks || profile === "quick" ? undefined : await boundsFor(subject, settings);
  const mainAttacks = adapts ? [...tried, adaptiveId] : tried;
  return {
    checks: [
      inspectionCheck,
      accuracyCheck(total),
      ...attacks,
      ...(profile === "thorough" && !settings.attacks && subject.kind === "images"
        ? [
            ...(setting.hasGradients && !setting.isRestricted && total >= 4
              ? [patchCheck({ samples: Math.min(total, CORRUPTED), seed })]
              : []),
            corruptionsCheck({ samples: Math.min(total, CORRUPTED), seed }),
          ]
        : []),
      validityCheck,
      ...(adapts
        ? [adaptiveCheck({ norm, epsilon: epsilons.at(-1)!, seed, attacks: tried, cost: total * ADAPTING })]
        : []),
      worstCaseCheck({ norm, epsilons, attacks: mainAttacks }),
      ...(bounds?.check ? [bounds.check] : []),
      ...(profile === "thorough" && !settings.attacks && setting.hasGradients && !setting.isRestricted && norm !== "l0"
        ? [metricsCheck({ norm, epsilon: epsilons.at(-1)!, samples: Math.min(total, ESTIMATED), seed })]
        : []),
    ],
    mainAttacks,
    assumptions: [
      ...(withoutRule.length > 0
        ? [`Without a gradient rule for ${withoutRule.join(", ")}, only attacks that need no gradients run.`]
        : []),
      ...assumptions,
      ...(bounds?.obstacle === undefined ? [] : [`Nothing is certified: ${bounds.obstacle}.`]),
    ],
  };
}

/** The row of certified bounds, or why there is none. */
async function boundsFor(
  subject: OpenSubject,
  { profile, norm, epsilons, seed }: AuditSettings,
): Promise<{ readonly check?: Check; readonly obstacle?: string }> {
  if (subject.kind === "trees") return {}; // trees have their exact row
  if (norm === "l0") return { obstacle: "bounds are for linf, l2 and l1, not for l0" };
  try {
    const verifier = await subject.verifier("ibp", norm);
    await verifier.dispose();
    if (norm !== "linf" && typeof subject.ball(epsilons.at(-1)!).epsilon !== "number") {
      return { obstacle: `features have different ranges, and bounds in ${norm} are for one` };
    }
  } catch (error) {
    if (error instanceof DefenseError || error instanceof OnnxError) return { obstacle: error.message };
    throw error;
  }
  const limits = profile === "thorough" ? { samples: 500, seconds: 120 } : { samples: 50, seconds: 2 };
  const samples = Math.min(subject.samples.length, limits.samples);
  return { check: certifiedCheck({ norm, epsilons, samples, seed, seconds: limits.seconds }) };
}

/** At most so many samples are corrupted, 75 times each, or looked at with a patch. */
const CORRUPTED = 100;

/** At most so many samples have their robustness estimated. */
const ESTIMATED = 20;

/** Estimated forward passes per sample of an adaptive attack, most of which need none. */
const ADAPTING = 100;

/** What of a subject and its settings decides which attacks there are. */
export interface Setting {
  readonly kind: OpenSubject["kind"];
  readonly hasGradients: boolean;
  /** Some features may not change, or not freely. */
  readonly isRestricted: boolean;
  readonly norm: Norm;
  /** Features of a sample. */
  readonly width: number;
  /** Why an attack cannot run on such samples in a norm. */
  readonly obstacle: (attack: Attack, norm: Norm) => string | undefined;
}

/** The rows that can run, and what is to be said of those that cannot. */
function fitting(
  rows: readonly AttackRow[],
  setting: Setting,
): { readonly rows: readonly AttackRow[]; readonly assumptions: readonly string[] } {
  const kept = rows.filter((row) => obstacleTo(row, setting) === undefined);
  const lost = rows.filter(
    (row) => isMeantFor(row, setting) && hasGradientsFor(row, setting) && !hasForm(row, setting),
  );
  const standing = kept.filter(({ onlyStanding }) => onlyStanding).map(({ title }) => title);
  return {
    rows: kept,
    assumptions: [
      ...(lost.length > 0
        ? [
            `Not part of this audit, since they have no form in ${setting.norm}: ${lost.map(({ title }) => title).join("; ")}.`,
          ]
        : []),
      ...(kept.some((row) => row.norm !== undefined && row.norm !== setting.norm)
        ? [`Radii in L2 were derived from those in Linf: epsilon · √${setting.width} / 4.`]
        : []),
      ...(standing.length > 0
        ? [
            `Samples that earlier attacks broke were not attacked again by ${standing.join(", ")}, and count as broken there.`,
          ]
        : []),
    ],
  };
}

/** The rows of these ids, as the profile has them or else as the table does first. Throws INVALID_OPTION for one that cannot run. */
function chosen(
  ids: readonly string[],
  profile: AuditSettings["profile"],
  setting: Setting,
): ReturnType<typeof fitting> {
  const rows = ids.map((id) => {
    const variants = attackRows.filter((row) => row.id === id);
    const row = variants.find(({ profiles }) => profiles.includes(profile)) ?? variants[0];
    if (!row) {
      const known = [...new Set(attackRows.map((each) => each.id))].sort().join(", ");
      throw new AuditError("INVALID_OPTION", `no attack '${id}': there are ${known}`);
    }
    const obstacle = obstacleTo(row, setting);
    if (obstacle !== undefined) throw new AuditError("INVALID_OPTION", `attack '${id}': ${obstacle}`);
    return row;
  });
  return fitting(
    rows.sort((a, b) => a.cost - b.cost),
    setting,
  );
}

/** Why an attack cannot run, in words. */
function obstacleTo(row: AttackRow, setting: Setting): string | undefined {
  if (!isMeantFor(row, setting)) return `is for ${row.only}, the model takes ${setting.kind}`;
  if (!hasGradientsFor(row, setting)) return "needs gradients, and the model has operators without a rule for them";
  if (setting.isRestricted && row.attack.aim === "anywhere") return "changes what the contract says cannot change";
  if (!hasForm(row, setting)) return `has no form in ${setting.norm}`;
  const obstacle = setting.obstacle(row.attack, row.norm ?? setting.norm);
  if (obstacle !== undefined) return obstacle;
  // a radius in another norm is derived from one in Linf
  if (row.norm !== undefined && row.norm !== setting.norm && setting.norm !== "linf") return "is for an audit in linf";
  return undefined;
}

function isMeantFor({ only }: AttackRow, { kind, hasGradients }: Setting): boolean {
  switch (only) {
    case undefined:
      return true;
    case "no-gradients":
      return !hasGradients;
    case "tables":
      return kind === "tables" || kind === "trees";
    default:
      return only === kind;
  }
}

function hasGradientsFor({ attack, through }: AttackRow, { hasGradients }: Setting): boolean {
  return hasGradients || through !== undefined || attack.access !== "gradient";
}

function hasForm({ attack, norm: own }: AttackRow, { norm }: Setting): boolean {
  return attack.norms.includes(own ?? norm);
}

/** What profiles run on models of a kind, without a model at hand: those with gradients, except of trees. */
export function plannedRows(
  profile: AuditSettings["profile"],
  kind: OpenSubject["kind"],
  norm: Norm,
): readonly AttackRow[] {
  return fitting(rowsOf(profile), {
    kind,
    hasGradients: kind !== "trees",
    isRestricted: false,
    norm,
    width: 1,
    obstacle: () => undefined,
  }).rows;
}
