import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { FinishedCheck } from "./checks/check.ts";
import { AuditError } from "./errors.ts";
import { writeFileWhole } from "./write-file.ts";

/** What two runs must share for the checks of one to stand in the other: names and what must be equal. */
export type Fingerprint = Readonly<Record<string, string | number>>;

/** The finished checks of a run, one file each, so that a run that ended early is continued where it was. */
export class CheckStore {
  readonly #folder: string;
  readonly #resumes: boolean;

  private constructor(folder: string, resumes: boolean) {
    this.#folder = folder;
    this.#resumes = resumes;
  }

  /**
   * Opens the store in `folder`. To resume, the fingerprint of the run that is there must be this one's; else what is there
   * is cleared. Throws INVALID_OPTION where there is nothing to resume or something differs.
   */
  static async open(folder: string, fingerprint: Fingerprint, resume: boolean): Promise<CheckStore> {
    const manifest = join(folder, "run.json");
    const before = await readJson(manifest);
    if (resume) {
      refuseDifference(before, fingerprint, folder);
    } else {
      if (before !== undefined) {
        await rm(folder, { recursive: true });
      }
      await makeFolder(folder);
      await writeFileWhole(manifest, `${JSON.stringify(fingerprint, null, 2)}\n`);
    }
    return new CheckStore(folder, resume);
  }

  /** The check as the earlier run finished it; undefined if it did not, or if this run does not resume. */
  async load(subject: string, check: string): Promise<FinishedCheck | undefined> {
    return this.#resumes ? ((await readJson(this.#path(subject, check))) as FinishedCheck | undefined) : undefined;
  }

  async save(subject: string, finished: FinishedCheck): Promise<void> {
    await makeFolder(join(this.#folder, subject));
    await writeFileWhole(this.#path(subject, finished.result.id), JSON.stringify(finished));
  }

  #path(subject: string, check: string): string {
    return join(this.#folder, subject, `${check}.json`);
  }
}

function refuseDifference(before: unknown, now: Fingerprint, folder: string): void {
  if (!(before instanceof Object)) {
    throw new AuditError("INVALID_OPTION", `nothing to resume: ${folder} holds no checks of an earlier run`);
  }
  const then = before as Fingerprint;
  const names = [...new Set([...Object.keys(then), ...Object.keys(now)])];
  const different = names.find((name) => then[name] !== now[name]);
  if (different !== undefined) {
    throw new AuditError(
      "INVALID_OPTION",
      `cannot resume: ${different} was ${then[different] ?? "absent"}, is ${now[different] ?? "absent"}; start anew without --resume`,
    );
  }
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new AuditError("OUTPUT_NOT_WRITABLE", `cannot make ${folder}: ${reason}`, { cause });
  }
}

async function readJson(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new AuditError("INVALID_REPORT", `cannot resume: ${path} is damaged; delete it`, { cause });
  }
}
