import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";

export const root = join(import.meta.dirname, "..");
export const digits = join(root, "examples", "digits");
export const iris = join(root, "examples", "iris");

/** How a run of the command ended. `code` is null where a signal ended it. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The built command, running. */
export interface Running {
  readonly process: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Resolves with the first match of `pattern` on standard error; rejects if the command ends without one. */
  says(pattern: RegExp): Promise<RegExpExecArray>;
}

/** Starts the built command. */
export function start(args: readonly string[], { cwd = root }: { readonly cwd?: string } = {}): Running {
  const child = spawn(process.execPath, [join(root, "packages/casemate/bin/casemate.mjs"), ...args], {
    cwd,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  const listeners = new Set<() => void>();
  child.stdout.on("data", (text: Buffer) => {
    stdout += text;
  });
  child.stderr.on("data", (text: Buffer) => {
    stderr += text;
    for (const listener of listeners) listener();
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
  const says = (pattern: RegExp): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const match = pattern.exec(stderr);
        if (match) resolve(match);
      };
      listeners.add(look);
      look();
      void ended.then(() => reject(new Error(`ended without saying ${pattern}: ${stderr}`)));
    });
  return { process: child, ended, says };
}

/** Runs the built command to its end. */
export function casemate(args: readonly string[], options?: { readonly cwd?: string }): Promise<Ended> {
  return start(args, options).ended;
}
