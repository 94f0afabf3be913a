import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { ReportAssembly } from "../assemble-report.ts";
import { AuditError } from "../errors.ts";
import type { AuditEvent, Interruption } from "../events.ts";
import type { AuditOptions, SubjectSpec } from "../options.ts";
import type { AuditReport } from "../report.ts";
import type { ToChild, ToParent } from "./messages.ts";
import { QueryCount } from "./query-count.ts";
import { Queue } from "./queue.ts";

export interface ChildOptions {
  /** Aborted: ask the child to end after the step that is running, and report what there is. */
  readonly stop?: AbortSignal;
  /** Aborted: end the child now, and report what there is. */
  readonly kill?: AbortSignal;
  /** How long the child may take to end after it was asked to, in milliseconds. */
  readonly grace?: number;
  /** Told the id of the process that runs the checks. */
  readonly onStart?: (pid: number) => void;
}

/**
 * Audits in a process of its own, since a run of onnxruntime blocks its thread, cannot be cancelled, and may crash on a
 * hostile model. Keeps to `options.budget`. Whatever ends the child, the events so far become a report, partial where
 * checks are missing. Throws what kept the audit from starting.
 */
export async function* auditInChild(
  subjects: readonly SubjectSpec[],
  options: AuditOptions,
  { stop, kill, grace = 10_000, onStart }: ChildOptions = {},
): AsyncGenerator<AuditEvent, AuditReport> {
  const assembly = new ReportAssembly();
  const child = new AuditChild({ subjects, options, grace });
  if (child.pid !== undefined) onStart?.(child.pid);
  const forgetStop = onAbort(stop, () => child.interrupt(INTERRUPTED));
  const forgetKill = onAbort(kill, () => child.end(INTERRUPTED));
  try {
    for await (const message of child.messages) {
      if (message.type === "event") {
        assembly.add(message.event);
        yield message.event;
      } else if (message.type === "failed") {
        if (message.code !== undefined || !assembly.hasStarted) throw refusal(message);
        child.end({ reason: "crash", message: `the audit failed: ${message.message}` });
      }
    }
    const interruption = child.isComplete ? undefined : (child.interruption ?? crash(child));
    if (interruption?.reason === "crash" && !assembly.hasStarted) {
      throw new AuditError("CHILD_CRASHED", interruption.message);
    }
    return assembly.report(new Date(), interruption);
  } finally {
    forgetStop();
    forgetKill();
    child.dispose();
  }
}

const INTERRUPTED: Interruption = { reason: "signal", message: "interrupted from the keyboard or by a signal" };

/** The forked process: its messages in order, and the ways to end it. */
class AuditChild {
  readonly messages = new Queue<ToParent>();
  readonly #process: ChildProcess;
  readonly #grace: number;
  readonly #budgetTimer: NodeJS.Timeout | undefined;
  readonly #queries = new QueryCount();
  #graceTimer: NodeJS.Timeout | undefined;
  #interruption: Interruption | undefined;
  #isComplete = false;
  #lastWords = "";
  #exit = "";

  constructor({
    subjects,
    options,
    grace,
  }: { subjects: readonly SubjectSpec[]; options: AuditOptions; grace: number }) {
    this.#grace = grace;
    this.#process = fork(fileURLToPath(new URL("../child.js", import.meta.url)), {
      serialization: "advanced",
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    const { seconds, queries } = options.budget ?? {};
    if (seconds !== undefined) {
      const spent: Interruption = { reason: "budget", message: `the budget of ${seconds} seconds was used up` };
      this.#budgetTimer = setTimeout(() => this.interrupt(spent), seconds * 1000);
    }
    this.#process.stderr?.on("data", (text: Buffer) => {
      this.#lastWords = `${this.#lastWords}${text}`.slice(-2000);
    });
    this.#process.on("message", (message: ToParent) => {
      this.#isComplete ||= message.type === "done" && message.status === "complete";
      if (message.type === "event" && queries !== undefined && this.#queries.after(message.event) >= queries) {
        this.interrupt({ reason: "budget", message: `the budget of ${queries} queries was used up` });
      }
      this.messages.push(message);
    });
    this.#process.on("error", (error) => {
      this.#lastWords = error.message;
      this.messages.close();
    });
    this.#process.on("close", (code, signal) => {
      this.#exit = signal === null ? `with exit code ${code}` : `by ${signal}`;
      this.messages.close();
    });
    this.#send({ type: "run", subjects, options });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  get isComplete(): boolean {
    return this.#isComplete;
  }

  get interruption(): Interruption | undefined {
    return this.#interruption;
  }

  /** How the process ended, with the last that it wrote. */
  get ending(): string {
    const words = this.#lastWords.trim();
    return `${this.#exit || "before it started"}${words === "" ? "" : `: ${words}`}`;
  }

  /** Asks the child to end after the step that is running; ends it if it takes too long. */
  interrupt(interruption: Interruption): void {
    this.#interruption ??= interruption;
    this.#send({ type: "stop", interruption });
    this.#graceTimer ??= setTimeout(() => this.end(interruption), this.#grace);
  }

  end(interruption: Interruption): void {
    this.#interruption ??= interruption;
    this.#process.kill("SIGKILL");
  }

  dispose(): void {
    clearTimeout(this.#budgetTimer);
    clearTimeout(this.#graceTimer);
    this.#process.kill("SIGKILL");
  }

  #send(message: ToChild): void {
    if (this.#process.connected) {
      this.#process.send(message, () => {}); // a child that has just ended is noticed by its exit
    }
  }
}

function crash(child: AuditChild): Interruption {
  return { reason: "crash", message: `the process that ran the checks ended ${child.ending}` };
}

function refusal({ code, message, stack }: Extract<ToParent, { type: "failed" }>): Error {
  const error = new AuditError(code ?? "CHECK_FAILED", message);
  if (stack !== undefined) error.stack = stack;
  return error;
}

function onAbort(signal: AbortSignal | undefined, react: () => void): () => void {
  if (signal?.aborted) react();
  signal?.addEventListener("abort", react);
  return () => signal?.removeEventListener("abort", react);
}
