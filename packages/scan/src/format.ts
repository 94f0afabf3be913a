import type { DependencyOptions } from "./dependencies/dependencies.ts";
import type { Place } from "./finding.ts";
import type { InventoryItem } from "./inventory.ts";
import type { Limits } from "./limits.ts";
import type { Rule } from "./rule.ts";
import type { Source } from "./sources/source.ts";

/** What a format needs while it scans one source. */
export interface ScanContext {
  readonly limits: Limits;
  readonly dependencies: DependencyOptions;
  /** Says what was found. `place.entry` is the source's own unless given. */
  report(rule: Rule, evidence: string, place?: Place): void;
  /** Says what the file or folder is made of. */
  list(item: InventoryItem): void;
  /** Scans what lies inside, whatever it is. Of plain numbers (`isRaw`) no format is expected, but one is still noticed. */
  inside(source: Source, isRaw?: boolean): Promise<void>;
  /** Scans several members as one thing: an archive's, a folder's. */
  bundle(bundle: Bundle): Promise<void>;
  /** Does something about one entry: what it throws becomes a finding there, and the rest of the container is scanned all the same. */
  attempt(entry: string, action: () => void | Promise<void>): Promise<void>;
  /** Counts an entry of a container. Throws LIMIT_EXCEEDED. */
  countEntry(): void;
  /**
   * Keeps unpacked bytes as a source: small ones in memory, large ones in a temporary file that is deleted after the scan.
   * `packedBytes` is what they were unpacked from. Throws BOMB and LIMIT_EXCEEDED where they are too many.
   */
  unpack(
    entry: string,
    packedBytes: number,
    unpacked: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): Promise<Source>;
}

/**
 * A file format, known by its content alone, never by its name. Its `scan` may throw a ScanError, or anything else: the
 * file is unscannable then, beside what was reported before.
 */
export interface Format {
  /** "pickle", "zip", "gguf". */
  readonly id: string;
  /** As people call it: "Python pickle". */
  readonly title: string;
  readonly rules: Readonly<Record<string, Rule>>;
  /** `head` is the beginning of the source, 4096 bytes at most. */
  detect(head: Uint8Array, source: Source): boolean;
  scan(source: Source, context: ScanContext): void | Promise<void>;
}

/** What a JSON document can be; known by what is in it. */
export interface JsonFormat {
  readonly id: string;
  readonly title: string;
  readonly rules: Readonly<Record<string, Rule>>;
  detect(value: unknown): boolean;
  scan(value: unknown, source: Source, context: ScanContext): void | Promise<void>;
}

/** Members that belong together, by path: those of a zip, of a tar, of a folder. */
export interface Bundle {
  /** Where it lies within the scanned file, "" for the file or folder itself. */
  readonly entry: string;
  /** Paths with forward slashes. */
  readonly names: readonly string[];
  /** The bytes of a member; undefined if there is no such member, or it cannot be read. */
  open(name: string): Promise<Source | undefined>;
}

/** What several members are together: a PyTorch checkpoint, a Keras archive, a Hugging Face folder. Members are scanned on their own as well. */
export interface BundleFormat {
  readonly id: string;
  readonly title: string;
  readonly rules: Readonly<Record<string, Rule>>;
  detect(names: readonly string[]): boolean;
  /** Whether a member is plain numbers, such as the storage of a tensor, which have no format that could be known. */
  holdsNumbers?(name: string): boolean;
  scan(bundle: Bundle, context: ScanContext): void | Promise<void>;
}
