export type Ecosystem = "PyPI" | "npm" | "conda";

/** Where a package comes from, as far as a manifest says. */
export type Origin =
  | { readonly type: "registry"; readonly url?: string }
  | { readonly type: "git"; readonly url: string; readonly commit?: string }
  | { readonly type: "url"; readonly url: string }
  | { readonly type: "path"; readonly path: string };

/** One package that a manifest or a lockfile asks for. */
export interface Dependency {
  readonly ecosystem: Ecosystem;
  /** As written. */
  readonly name: string;
  /** The one version that is taken; absent where a range is asked for. */
  readonly version?: string;
  /** The range as written, for evidence. */
  readonly wanted: string;
  readonly origin: Origin;
  /** Digests, each with its algorithm: "sha256:…", "sha512-…". */
  readonly hashes: readonly string[];
  readonly hasInstallScript?: boolean;
  /** What the registry has said against it: deprecated, yanked. */
  readonly notice?: string;
}

/** What a manifest says beside its packages. */
export interface Manifest {
  readonly dependencies: readonly Dependency[];
  /** Whether it is a lockfile, in which every package should have a digest. */
  readonly isLock: boolean;
  /** Settings that change where packages come from, as written. */
  readonly indexes: readonly { readonly option: string; readonly value: string }[];
}

/** Names as the registry compares them: PEP 503 for PyPI. */
export function normalName(ecosystem: Ecosystem, name: string): string {
  return ecosystem === "npm" ? name.toLowerCase() : name.toLowerCase().replace(/[-_.]+/g, "-");
}
