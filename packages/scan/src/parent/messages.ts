import type { DependencyOptions } from "../dependencies/dependencies.ts";
import type { Limits } from "../limits.ts";
import type { ScannedSource } from "../scan-source.ts";

/** What the parent asks its child to scan, one thing at a time. */
export interface ToChild {
  readonly limits: Limits;
  readonly dependencies: DependencyOptions;
  /** A folder for temporary files. */
  readonly scratch: string;
  readonly path: string;
  /** The members of a folder that is scanned as one thing; absent for a file. */
  readonly names?: readonly string[];
}

/** What the child answers: how far it is, then what it found. */
export type ToParent =
  | { readonly type: "hashed"; readonly sha256: string }
  | ({ readonly type: "scanned" } & ScannedSource);
