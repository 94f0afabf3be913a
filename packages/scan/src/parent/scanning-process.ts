import { type ChildProcess, fork } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { general } from "../general-rules.ts";
import type { ScannedSource } from "../scan-source.ts";
import type { ToChild, ToParent } from "./messages.ts";

const MILLISECONDS_BETWEEN_LOOKS = 200;
const PAGE_BYTES = 4096;

export interface Scanned extends ScannedSource {
  readonly sha256?: string;
}

/** A process that parses, started anew after a file has ended it. */
export class ScanningProcess {
  #process: ChildProcess | undefined;
  #lastWords = "";

  /** Scans one thing. A process that takes too long, takes too much memory or dies leaves the finding `file/crashed`. */
  scan(request: ToChild): Promise<Scanned> {
    const child = this.#start(request.limits.memory);
    const { seconds, memory } = request.limits;
    return new Promise((resolve) => {
      let sha256: string | undefined;
      const ended = (reason: string): void => {
        this.#process = undefined;
        child.kill("SIGKILL");
        settle({ formats: [], findings: [{ rule: general.crashed, place: {}, evidence: reason }], inventory: [] });
      };
      const settle = (scanned: ScannedSource): void => {
        clearTimeout(timer);
        clearInterval(looks);
        child.removeAllListeners();
        resolve({ ...(sha256 !== undefined && { sha256 }), ...scanned });
      };
      const timer = setTimeout(() => ended(`took more than ${seconds} seconds`), seconds * 1000);
      const looks = setInterval(() => {
        if (residentMegabytes(child.pid) > memory) ended(`took more than ${memory} MB of memory`);
      }, MILLISECONDS_BETWEEN_LOOKS);
      child.on("message", (message: ToParent) => {
        if (message.type === "hashed") sha256 = message.sha256;
        else settle({ formats: message.formats, findings: message.findings, inventory: message.inventory });
      });
      child.on("error", (error) => ended(`the process that parsed it failed: ${error.message}`));
      child.on("close", (code, signal) => {
        const words = this.#lastWords.trim() === "" ? "" : `: ${this.#lastWords.trim()}`;
        ended(`ended the process that parsed it ${signal ? `by ${signal}` : `with code ${code}`}${words}`);
      });
      child.send(request, (error) => {
        if (error) ended(`the process that parsed it failed: ${error.message}`);
      });
    });
  }

  dispose(): void {
    this.#process?.removeAllListeners();
    this.#process?.kill("SIGKILL");
    this.#process = undefined;
  }

  #start(memory: number): ChildProcess {
    if (this.#process) return this.#process;
    this.#lastWords = "";
    this.#process = fork(fileURLToPath(new URL("../child.js", import.meta.url)), {
      serialization: "advanced",
      execArgv: [`--max-old-space-size=${memory}`],
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    this.#process.stderr?.on("data", (text: Buffer) => {
      this.#lastWords = `${this.#lastWords}${text}`.slice(-400);
    });
    return this.#process;
  }
}

/** Of a process, where the system says so in /proc; elsewhere 0, and only the JavaScript heap is limited. */
function residentMegabytes(pid: number | undefined): number {
  try {
    return (Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]) * PAGE_BYTES) / 2 ** 20;
  } catch {
    return 0;
  }
}
