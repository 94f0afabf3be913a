import type { AuditEvent, CheckReport, PlannedSubject } from "@casemate/audit";
import type { Console } from "./console.ts";

/** Shows the events of an audit: one line for each finished check, and on a terminal a bar with the time left. */
export class ProgressView {
  readonly #console: Console;
  readonly #now: () => number;
  readonly #startedAt: number;
  #subjects: readonly PlannedSubject[] = [];
  #doneCost = 0;
  #resumedCost = 0;
  #doneChecks = 0;

  constructor(console: Console, now: () => number = () => performance.now()) {
    this.#console = console;
    this.#now = now;
    this.#startedAt = now();
    console.draw("Opening the models …");
  }

  show(event: AuditEvent): void {
    switch (event.type) {
      case "started":
        this.#subjects = event.subjects;
        this.#assume(event.subjects);
        break;
      case "check-started":
        this.#drawBar(event.subject, event.check, 0);
        break;
      case "progress":
        this.#drawBar(event.subject, event.check, event.fraction);
        break;
      case "check-finished":
        this.#finish(event);
        break;
      case "findings":
        break;
    }
  }

  /** Takes the bar away. */
  end(): void {
    this.#console.draw("");
  }

  #assume(subjects: readonly PlannedSubject[]): void {
    const { yellow } = this.#console.paint;
    for (const sentence of new Set(subjects.flatMap(({ assumptions }) => assumptions))) {
      const about = subjects.filter(({ assumptions }) => assumptions.includes(sentence));
      const names = about.length === subjects.length ? "" : ` ${about.map(({ name }) => name).join(", ")}:`;
      this.#console.error(`${yellow("assumed")}${names} ${sentence}`);
    }
  }

  #finish({ subject, result, resumed }: Extract<AuditEvent, { type: "check-finished" }>): void {
    const cost = this.#planned(subject, result.id)?.cost ?? 0;
    this.#doneCost += cost;
    this.#resumedCost += resumed ? cost : 0;
    this.#doneChecks++;
    const { green, red, dim, yellow } = this.#console.paint;
    const mark = result.status === "completed" ? green("done  ") : red("FAILED");
    const time = resumed ? "from the earlier run" : `${result.seconds.toFixed(1)} s`;
    this.#console.error(`${mark} ${subject}  ${result.title}: ${outcomeOf(result)} ${dim(`(${time})`)}`);
    for (const { message } of result.warnings) this.#console.error(`       ${yellow("warning")} ${message}`);
  }

  #drawBar(subject: string, check: string, fraction: number): void {
    if (!this.#console.isLive) return;
    const planned = this.#planned(subject, check);
    const total = this.#subjects.flatMap(({ checks }) => checks.map(({ cost }) => cost)).reduce((a, b) => a + b, 0);
    const run = this.#doneCost - this.#resumedCost + fraction * (planned?.cost ?? 0);
    const share = total === 0 ? 0 : (this.#doneCost + fraction * (planned?.cost ?? 0)) / total;
    const elapsed = (this.#now() - this.#startedAt) / 1000;
    const left = run > 0 && elapsed > 2 ? ((total - this.#resumedCost - run) / run) * elapsed : undefined;
    const count = this.#subjects.reduce((sum, { checks }) => sum + checks.length, 0);
    const line = `${bar(share)} ${this.#doneChecks + 1}/${count} ${subject}  ${planned?.title ?? check} ${Math.floor(fraction * 100)}%${left === undefined ? "" : `  ${duration(left)} left`}`;
    this.#console.draw(line.slice(0, this.#console.columns - 1));
  }

  #planned(subject: string, check: string) {
    return this.#subjects.find(({ name }) => name === subject)?.checks.find(({ id }) => id === check);
  }
}

/** What a check found, in a few words. */
function outcomeOf({ status, error, metrics }: CheckReport): string {
  if (status === "failed") return error ?? "no reason given";
  const share = metrics.find(({ unit }) => unit === "proportion");
  if (share) {
    const { value, count, of, interval } = share;
    const range = interval ? ` [${percent(interval.lower)}, ${percent(interval.upper)}]` : "";
    return `${percent(value)} right${range}, ${count} of ${of}`;
  }
  return metrics.map(({ name, value }) => `${name} ${value}`).join(", ") || "completed";
}

function percent(value: number): string {
  return `${(value * 100).toFixed(1)}%`;
}

const BAR_WIDTH = 24;

function bar(share: number): string {
  const full = Math.round(Math.min(1, share) * BAR_WIDTH);
  return `${"█".repeat(full)}${"░".repeat(BAR_WIDTH - full)}`;
}

/** Seconds as people say them: "42s", "3m 05s", "1h 20m". */
export function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${String(whole % 60).padStart(2, "0")}s`;
  return `${Math.floor(whole / 3600)}h ${String(Math.floor((whole % 3600) / 60)).padStart(2, "0")}m`;
}
