import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import type { DependencyOptions } from "./dependencies/dependencies.ts";
import { defaultLimits, type Limits } from "./limits.ts";
import type { ToChild } from "./parent/messages.ts";
import { type Scanned, ScanningProcess } from "./parent/scanning-process.ts";
import { fileReportOf } from "./report/file-report.ts";
import type { FileReport, ScanReport } from "./report/report.ts";
import type { Suppression } from "./suppressions.ts";
import { worstOf } from "./verdict.ts";
import { version } from "./version.ts";
import { type Item, walk } from "./walk.ts";

export interface ScanOptions {
  readonly limits?: Partial<Limits>;
  readonly dependencies?: DependencyOptions;
  /** Findings that somebody has accepted. */
  readonly suppressions?: readonly Suppression[];
  /** Processes that parse at the same time; by default one for each core. */
  readonly jobs?: number;
  readonly signal?: AbortSignal;
}

export type ScanEvent =
  | { readonly type: "started"; readonly items: number; readonly bytes: number }
  | { readonly type: "file"; readonly report: FileReport; readonly done: number; readonly doneBytes: number };

/**
 * Scans files and folders, each file in a process of its own limits, and says what each would do. Nothing is loaded,
 * imported or executed. Throws UNREADABLE for a path that is not there, and the signal's reason.
 */
export async function* scanPaths(
  paths: readonly string[],
  { limits, dependencies = {}, suppressions = [], jobs = availableParallelism(), signal }: ScanOptions = {},
): AsyncGenerator<ScanEvent, ScanReport> {
  const startedAt = new Date();
  const items = paths.flatMap(walk);
  yield { type: "started", items: items.length, bytes: items.reduce((sum, item) => sum + bytesOf(item), 0) };
  const scratch = await mkdtemp(join(tmpdir(), "casemate-scan-"));
  const processes = Array.from({ length: Math.max(1, Math.min(jobs, items.length)) }, () => new ScanningProcess());
  const reports: FileReport[] = new Array(items.length);
  try {
    const context = { limits: { ...defaultLimits, ...limits }, dependencies, scratch };
    let next = 0;
    let done = 0;
    let doneBytes = 0;
    const running = new Map<number, Promise<{ readonly index: number; readonly scanned: Scanned }>>();
    const start = (process: ScanningProcess): void => {
      if (next >= items.length) return;
      const index = next++;
      const idle = (scanned: Scanned) => {
        waiting.push(process);
        return { index, scanned };
      };
      running.set(index, scanItem(items[index]!, process, context).then(idle));
    };
    const waiting: ScanningProcess[] = [...processes];
    const aborted = rejectionOf(signal);
    for (;;) {
      signal?.throwIfAborted();
      for (const process of waiting.splice(0)) start(process);
      if (running.size === 0) break;
      const { index, scanned } = await Promise.race([...running.values(), aborted]);
      running.delete(index);
      const report = fileReportOf(
        { path: items[index]!.path, bytes: bytesOf(items[index]!) },
        scanned,
        suppressions,
        startedAt,
      );
      reports[index] = report;
      done++;
      doneBytes += bytesOf(items[index]!);
      yield { type: "file", report, done, doneBytes };
    }
  } finally {
    for (const process of processes) process.dispose();
    await rm(scratch, { recursive: true, force: true });
  }
  const files = reports.filter(
    ({ formats, findings, inventory }) => formats[0] !== "folder" || findings.length > 0 || inventory,
  );
  const countOf = (verdict: string) => files.filter((file) => file.verdict === verdict).length;
  return {
    schema: "casemate-scan/1",
    tool: { name: "casemate", version },
    startedAt: startedAt.toISOString(),
    finishedAt: new Date().toISOString(),
    paths: [...paths],
    verdict: worstOf(files.map(({ verdict }) => verdict)),
    counts: {
      clean: countOf("clean"),
      suspicious: countOf("suspicious"),
      unscannable: countOf("unscannable"),
      malicious: countOf("malicious"),
    },
    files,
  };
}

function rejectionOf(signal: AbortSignal | undefined): Promise<never> {
  const rejection = new Promise<never>((_, reject) => {
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  rejection.catch(() => {}); // it may come after the last file
  return rejection;
}

async function scanItem(
  item: Item,
  process: ScanningProcess,
  context: Pick<ToChild, "limits" | "dependencies" | "scratch">,
): Promise<Scanned> {
  switch (item.type) {
    case "file":
      return process.scan({ ...context, path: item.path });
    case "folder":
      return process.scan({ ...context, path: item.path, names: item.names });
    case "finding":
      return { formats: [], findings: [item.finding], inventory: [] };
  }
}

function bytesOf(item: Item): number {
  return item.type === "file" ? item.bytes : 0;
}
