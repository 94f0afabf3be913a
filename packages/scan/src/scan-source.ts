import type { DependencyOptions } from "./dependencies/dependencies.ts";
import { ScanError, type ScanErrorCode } from "./errors.ts";
import type { Finding } from "./finding.ts";
import type { Bundle, Format, ScanContext } from "./format.ts";
import { bundleFormats } from "./formats/bundles/bundle-formats.ts";
import { formats, textFormats } from "./formats/index.ts";
import { general } from "./general-rules.ts";
import type { InventoryItem } from "./inventory.ts";
import type { Limits } from "./limits.ts";
import type { Rule } from "./rule.ts";
import type { Source } from "./sources/source.ts";
import { Unpacker } from "./sources/unpacker.ts";

const HEAD_BYTES = 4096;
const EVIDENCE_CHARACTERS = 500;

export interface ScannedSource {
  /** Ids of the formats that the source itself has; "folder" is not among them. */
  readonly formats: readonly string[];
  readonly findings: readonly Finding[];
  readonly inventory: readonly InventoryItem[];
}

/** Scans one file with all that lies inside it; large unpacked entries lie in the folder `scratch` meanwhile. Never throws for what is in the file: that becomes a finding. */
export async function scanSource(
  source: Source,
  limits: Limits,
  scratch: string,
  dependencies: DependencyOptions = {},
): Promise<ScannedSource> {
  const scan = new Scan(limits, scratch, dependencies);
  try {
    return { formats: await scan.source(source, 0), findings: scan.findings, inventory: scan.inventory };
  } finally {
    scan.dispose();
  }
}

/** Scans members of a folder as one thing, beside the scan that each has had. */
export async function scanBundle(
  bundle: Bundle,
  limits: Limits,
  scratch: string,
  dependencies: DependencyOptions = {},
): Promise<Omit<ScannedSource, "formats">> {
  const scan = new Scan(limits, scratch, dependencies);
  try {
    await scan.bundle(bundle, 0);
    return { findings: scan.findings, inventory: scan.inventory };
  } finally {
    scan.dispose();
  }
}

/** One file's scan: its findings and what it has cost so far. */
class Scan {
  readonly #limits: Limits;
  readonly #dependencies: DependencyOptions;
  readonly #unpacker: Unpacker;
  readonly #findings: Finding[] = [];
  readonly inventory: InventoryItem[] = [];
  readonly #seen = new Set<string>();
  #omitted = 0;
  #entries = 0;

  constructor(limits: Limits, scratch: string, dependencies: DependencyOptions) {
    this.#dependencies = dependencies;
    this.#limits = limits;
    this.#unpacker = new Unpacker(limits, scratch);
  }

  get findings(): readonly Finding[] {
    if (this.#omitted === 0) return this.#findings;
    const evidence = `${this.#omitted} further findings`;
    return [...this.#findings, { rule: general.flooded, place: {}, evidence }];
  }

  async source(source: Source, depth: number, isRaw = false): Promise<readonly string[]> {
    const found = this.#attempt(source, () => formatsOf(source, isRaw)) ?? [];
    if (found.length > 1) {
      this.#report(general.polyglot, `reads as ${found.map(({ title }) => title).join(" and as ")}`, entryOf(source));
    }
    for (const format of found) {
      await this.#attemptAsync(source.entry, format.title, () =>
        format.scan(source, this.#context(source.entry, depth)),
      );
    }
    if (found.length === 0 && source.size > 0 && !isRaw) {
      const start = Buffer.from(source.read(0, 16)).toString("hex");
      this.#report(general.unknown, `begins with the bytes ${start}`, entryOf(source));
    }
    return found.map(({ id }) => id);
  }

  async bundle(bundle: Bundle, depth: number): Promise<void> {
    for (const format of bundleFormats) {
      if (!format.detect(bundle.names)) continue;
      await this.#attemptAsync(bundle.entry, format.title, () =>
        format.scan(bundle, this.#context(bundle.entry, depth)),
      );
    }
  }

  dispose(): void {
    this.#unpacker.dispose();
  }

  #context(entry: string, depth: number): ScanContext {
    return {
      limits: this.#limits,
      dependencies: this.#dependencies,
      report: (rule, evidence, place = {}) => this.#report(rule, evidence, { ...entryOf({ entry }), ...place }),
      list: (item) => {
        if (this.inventory.length < this.#limits.entries) this.inventory.push(item);
      },
      inside: async (source, isRaw) => {
        if (depth + 1 > this.#limits.depth) {
          throw new ScanError("TOO_DEEP", `lies ${depth + 1} containers deep: expected at most ${this.#limits.depth}`);
        }
        await this.source(source, depth + 1, isRaw);
      },
      bundle: (bundle) => this.bundle(bundle, depth),
      attempt: (entry, action) => this.#attemptAsync(entry, undefined, action),
      countEntry: () => {
        if (++this.#entries > this.#limits.entries) {
          throw new ScanError("LIMIT_EXCEEDED", `more than ${this.#limits.entries} entries`);
        }
      },
      unpack: (name, packedBytes, unpacked) => this.#unpacker.unpack(name, packedBytes, unpacked),
    };
  }

  #report(rule: Rule, evidence: string, place: Finding["place"]): void {
    const shown = evidence.length > EVIDENCE_CHARACTERS ? `${evidence.slice(0, EVIDENCE_CHARACTERS)}…` : evidence;
    const key = JSON.stringify([rule.id, place, shown]);
    if (this.#seen.has(key)) return;
    if (this.#findings.length >= this.#limits.findings) {
      this.#omitted++;
      this.#keepWorst({ rule, place, evidence: shown });
      return;
    }
    this.#seen.add(key);
    this.#findings.push({ rule, place, evidence: shown });
  }

  /** A flood of mild findings must not hide a grave one. */
  #keepWorst(finding: Finding): void {
    if (finding.rule.severity !== "critical" && finding.rule.severity !== "unscannable") return;
    const mild = this.#findings.findLastIndex(
      ({ rule }) => rule.severity !== "critical" && rule.severity !== "unscannable",
    );
    if (mild >= 0) this.#findings[mild] = finding;
  }

  #attempt<T>(source: Source, action: () => T): T | undefined {
    try {
      return action();
    } catch (error) {
      this.#reportFailure(error, source.entry, undefined);
      return undefined;
    }
  }

  async #attemptAsync(entry: string, title: string | undefined, action: () => void | Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      this.#reportFailure(error, entry, title);
    }
  }

  #reportFailure(error: unknown, entry: string, title: string | undefined): void {
    const message = error instanceof Error ? error.message : String(error);
    const rule = error instanceof ScanError ? RULE_OF_ERROR[error.code] : general.malformed;
    this.#report(rule, title === undefined ? message : `${title}: ${message}`, entryOf({ entry }));
  }
}

const RULE_OF_ERROR: Readonly<Record<ScanErrorCode, Rule>> = {
  MALFORMED: general.malformed,
  LIMIT_EXCEEDED: general.limit,
  BOMB: general.bomb,
  TOO_DEEP: general.nesting,
  UNSUPPORTED: general.unsupported,
  UNREADABLE: general.unreadable,
  INVALID_OPTION: general.malformed,
};

function formatsOf(source: Source, isRaw: boolean): readonly Format[] {
  const head = new Uint8Array(source.read(0, HEAD_BYTES));
  const found = formats.filter((format) => format.detect(head, source));
  if (found.length > 0 || isRaw) return found;
  const asText = textFormats.find((format) => format.detect(head, source));
  return asText ? [asText] : [];
}

function entryOf({ entry }: { readonly entry: string }): Finding["place"] {
  return entry === "" ? {} : { entry };
}
