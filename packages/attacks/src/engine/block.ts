import type { Attack, Step } from "../attack.ts";
import { isBroken, judge, NOT_A_NUMBER } from "../criterion.ts";
import type { Threat } from "../threats/threat.ts";
import { BudgetExhausted, type Evaluator } from "./evaluator.ts";
import type { SampleRecord } from "./sample-record.ts";
import { type References, Search } from "./search.ts";
import { isInBall, verify } from "./verify.ts";

export interface BlockOptions {
  readonly attack: Attack;
  /** The threat at each radius, from the smallest. */
  readonly ladder: readonly Threat[];
  readonly evaluator: Evaluator;
  readonly seed: number;
  readonly attackMisclassified: boolean;
  readonly activeSet: boolean;
}

export interface BlockProgress extends Step {
  /** The attack, or the member of an assembly, that is at work. */
  readonly stage: string;
  readonly threat: Threat;
  readonly restart: number;
  readonly active: number;
}

/** Attacks the samples of a block at every radius. When it ends, each record has a status for each; returns why if the budget ended it. */
export async function* attackBlock(
  records: readonly SampleRecord[],
  options: BlockOptions,
): AsyncGenerator<BlockProgress, string | undefined> {
  const { attack, ladder, evaluator, attackMisclassified } = options;
  let interruption = await untilExhausted(() => classifyClean(records, evaluator));
  const references = referencesOf(records);
  // An attack that stays inside a ball is run for each; one that does not answers for all of them at once.
  const rounds = attack.aim === "inside" ? ladder.map((threat) => [threat]) : [ladder];
  for (const [index, threats] of rounds.entries()) {
    const settled = index + threats.length;
    if (records.every((record) => record.settled >= settled)) continue; // in a run that this one goes on with
    const open = records.filter((record) => isOpen(record, attackMisclassified));
    const outer = threats.at(-1)!;
    if (interruption === undefined && open.length > 0) {
      const closeEnough = attack.aim === "nearest" ? leavingDistance(threats[0]!) : Infinity;
      if (attack.aim !== "inside") keepMisclassified(open);
      interruption = yield* attempt(open, outer, { ...options, references, closeEnough });
      await verify(open, outer, evaluator);
    }
    for (const record of records) {
      record.statuses.length = index;
      for (const threat of threats) {
        record.statuses.push(statusOf(record, threat, { ...options, isInterrupted: interruption !== undefined }));
      }
      if (interruption === undefined) {
        record.settled = settled;
        record.attempts = 0;
      } else if (record.statuses.at(-1) === "failed" && record.failure === undefined) {
        record.failure = interruption;
        record.isInterrupted = true;
      }
    }
  }
  return interruption;
}

/** Runs the attack, stage by stage, and its restarts on the open samples; returns why if the budget ended it. */
async function* attempt(
  open: readonly SampleRecord[],
  threat: Threat,
  options: BlockOptions & { readonly references: References; readonly closeEnough: number },
): AsyncGenerator<BlockProgress, string | undefined> {
  const { attack, activeSet } = options;
  const behind = Math.min(...open.map(({ attempts }) => attempts));
  for (const record of open) if (record.attempts === 0) record.stage = undefined;
  const stages = attack.stages?.filter((stage) => canTake(stage, options.evaluator.model, threat)) ?? [attack];
  let first = 0; // attempts of the stages before
  let current: Attack | undefined;
  try {
    for (const stage of stages) {
      current = stage;
      const { aim, name } = stage;
      // A member that looks for the nearest has its answer once that is in the ball which the assembly is about.
      const closeEnough = attack.stages && aim === "nearest" ? leavingDistance(threat) : options.closeEnough;
      const last = first + stage.restarts + 1;
      for (let restart = Math.max(0, behind - first); restart <= stage.restarts; restart++) {
        const standing = open.filter(
          (record) => record.stage === undefined && !isDecided(record, activeSet ? closeEnough : 0),
        );
        if (standing.length === 0) break;
        const search = new Search({
          ...options,
          records: standing,
          threat,
          aim,
          restart,
          closeEnough,
          stream: streamOf(name),
        });
        for await (const step of stage.attempt(search)) {
          yield { ...step, stage: name, threat, restart, active: search.active };
          if (search.active === 0) break;
        }
        for (const record of open) record.attempts = Math.max(record.attempts, first + restart + 1);
      }
      if (attack.stages && last > behind) creditStage(open, stage, threat);
      first = last;
    }
    return undefined;
  } catch (error) {
    if (!(error instanceof BudgetExhausted)) throw error;
    if (attack.stages && current) creditStage(open, current, threat);
    return error.message;
  }
}

/** Whether a member of an assembly has a form for the threat's norm and nothing keeps it from this model. */
function canTake(stage: Attack, model: Evaluator["model"], threat: Threat): boolean {
  return stage.norms.includes(threat.norm) && stage.obstacle?.(model, threat) === undefined;
}

/** Writes down which stage found what, and drops what is outside of the ball. */
function creditStage(open: readonly SampleRecord[], { name }: Attack, threat: Threat): void {
  for (const record of open) {
    if (record.candidate && !isInBall(record.candidate, record.input, threat)) {
      record.candidate = undefined;
      record.candidateDistance = Infinity;
    }
    if (record.candidate) record.stage ??= name;
  }
}

async function classifyClean(all: readonly SampleRecord[], evaluator: Evaluator): Promise<void> {
  const { classes } = evaluator.model;
  const records = all.filter(({ prediction, failure }) => prediction < 0 && failure === undefined);
  if (records.length === 0) return;
  const width = records[0]!.input.length;
  const x = new Float32Array(records.length * width);
  for (const [row, record] of records.entries()) x.set(record.input, row * width);
  const logits = new Float32Array(records.length * classes);
  const failures = await evaluator.logits(x, logits);
  for (const [row, record] of records.entries()) {
    const verdict = judge(logits, row, classes, record);
    record.failure = failures.get(row) ?? (verdict.prediction < 0 ? NOT_A_NUMBER : undefined);
    if (record.failure !== undefined) continue;
    record.forward++;
    record.prediction = verdict.prediction;
    record.margin = verdict.margin;
  }
}

async function untilExhausted(work: () => Promise<void>): Promise<string | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    if (error instanceof BudgetExhausted) return error.message;
    throw error;
  }
}

function isOpen(record: SampleRecord, attackMisclassified: boolean): boolean {
  const isRight = attackMisclassified || record.prediction === record.label;
  return record.failure === undefined && record.verified === undefined && record.prediction >= 0 && isRight;
}

/** Where no ball limits the search, a sample that is adversarial already has its answer, at distance 0. */
function keepMisclassified(open: readonly SampleRecord[]): void {
  for (const record of open) {
    if (!isBroken(record, record.prediction)) continue;
    record.candidate = record.input.slice();
    record.candidateDistance = 0;
  }
}

/** From which distance on a sample needs no nearer adversarial; never, where the ball has no single, finite radius. */
function leavingDistance({ epsilon }: Threat): number {
  return typeof epsilon === "number" && Number.isFinite(epsilon) ? epsilon : 0;
}

function isDecided(record: SampleRecord, closeEnough: number): boolean {
  return record.failure !== undefined || (record.candidate !== undefined && record.candidateDistance <= closeEnough);
}

function statusOf(
  record: SampleRecord,
  threat: Threat,
  { attack, attackMisclassified, isInterrupted }: BlockOptions & { readonly isInterrupted: boolean },
) {
  const { verified, prediction, label, failure } = record;
  if (verified && (attack.aim === "anywhere" || isInBall(verified.adversarial, record.input, threat))) return "broken";
  if (verified && attack.aim === "inside") {
    record.failure ??= "the attack left the ball";
    return "failed";
  }
  if (prediction >= 0 && prediction !== label && !attackMisclassified) return "wrong";
  return failure !== undefined || isInterrupted || prediction < 0 ? "failed" : "robust";
}

/** The clean samples and their classes, which decision attacks can start from. */
function referencesOf(records: readonly SampleRecord[]): References {
  return { inputs: records.map((record) => record.input), predictions: records.map((record) => record.prediction) };
}

/** A number for the attack's random draws (FNV-1a of its name), so that no two attacks share theirs. */
function streamOf(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193) >>> 0;
  return hash;
}
