import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { compare as comparePython, valid as validPython } from "@renovatebot/pep440";
import semver from "semver";
import { ScanError } from "../errors.ts";
import { isRecord } from "../formats/hub/walk-json.ts";
import { type Dependency, type Ecosystem, normalName } from "./dependency.ts";

/** An advisory that concerns a package. */
export interface Advisory {
  readonly id: string;
  readonly summary: string;
  readonly isMalware: boolean;
}

/** Advisories by ecosystem and name. */
export type AdvisoryIndex = ReadonlyMap<string, readonly Readonly<Record<string, unknown>>[]>;

const FILES_AT_MOST = 2_000_000;

/**
 * Reads an export of OSV (https://ossf.github.io/osv-schema): a folder with a JSON file for each advisory. Only those about the
 * packages asked for are kept. Throws UNREADABLE, and MALFORMED for a file that is no advisory.
 */
export function readAdvisories(folder: string, wanted: ReadonlySet<string>): AdvisoryIndex {
  const index = new Map<string, Readonly<Record<string, unknown>>[]>();
  let files = 0;
  for (const path of jsonFiles(folder)) {
    if (++files > FILES_AT_MOST)
      throw new ScanError("LIMIT_EXCEEDED", `${folder}: more than ${FILES_AT_MOST} advisories`);
    const advisory = parse(path);
    if (advisory.withdrawn !== undefined) continue;
    const affected = Array.isArray(advisory.affected) ? advisory.affected.filter(isRecord) : [];
    const keys = new Set(affected.map((each) => keyOf(each.package)).filter((key) => wanted.has(key)));
    for (const key of keys) {
      const group = index.get(key);
      if (group) group.push(advisory);
      else index.set(key, [advisory]);
    }
  }
  return index;
}

/** How an index names a package. */
export function advisoryKey(ecosystem: Ecosystem, name: string): string {
  return `${ecosystem}/${normalName(ecosystem, name)}`;
}

function keyOf(value: unknown): string {
  if (!isRecord(value)) return "";
  const ecosystem = String(value.ecosystem).split(":")[0];
  return ecosystem === "PyPI" || ecosystem === "npm" ? advisoryKey(ecosystem, String(value.name)) : "";
}

function* jsonFiles(folder: string): Generator<string> {
  let names: string[];
  try {
    names = readdirSync(folder).sort();
  } catch (cause) {
    throw new ScanError(
      "UNREADABLE",
      `cannot read advisories from ${folder}: ${cause instanceof Error ? cause.message : cause}`,
      { cause },
    );
  }
  for (const name of names) {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) yield* jsonFiles(path);
    else if (name.endsWith(".json")) yield path;
  }
}

function parse(path: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(readFileSync(path, "utf8"));
    if (isRecord(value) && typeof value.id === "string") return value;
  } catch (cause) {
    throw new ScanError(
      "MALFORMED",
      `${path}: expected an advisory of OSV: ${cause instanceof Error ? cause.message : cause}`,
      { cause },
    );
  }
  throw new ScanError("MALFORMED", `${path}: expected an advisory of OSV with an id`);
}

/** The advisories that hold for one version of a package. */
export function advisoriesFor({ ecosystem, name, version }: Dependency, index: AdvisoryIndex): readonly Advisory[] {
  const found: Advisory[] = [];
  for (const advisory of index.get(advisoryKey(ecosystem, name)) ?? []) {
    const affected = (advisory.affected as readonly unknown[])
      .filter(isRecord)
      .filter((each) => keyOf(each.package) === advisoryKey(ecosystem, name));
    if (version === undefined || !affected.some((each) => isAffected(ecosystem, version, each))) continue;
    const id = String(advisory.id);
    found.push({
      id,
      summary: String(advisory.summary ?? advisory.details ?? "").slice(0, 200),
      isMalware: id.startsWith("MAL-"),
    });
  }
  return found;
}

/** By the versions that are listed, else by the events of a range, sorted and swept (OSV schema, "Evaluation"). */
function isAffected(ecosystem: Ecosystem, version: string, affected: Readonly<Record<string, unknown>>): boolean {
  if (Array.isArray(affected.versions) && affected.versions.includes(version)) return true;
  const ranges = Array.isArray(affected.ranges) ? affected.ranges.filter(isRecord) : [];
  return ranges.some(({ type, events }) => {
    if (type === "GIT" || !Array.isArray(events)) return false;
    const compare = ecosystem === "npm" || type === "SEMVER" ? compareSemver : comparePep440;
    const points = events
      .filter(isRecord)
      .flatMap((event) => Object.entries(event).map(([kind, value]) => ({ kind, value: String(value) })))
      .sort((a, b) => (a.value === "0" ? -1 : b.value === "0" ? 1 : compare(a.value, b.value)));
    let isIn = false;
    for (const { kind, value } of points) {
      const order = value === "0" ? 1 : compare(version, value);
      if (kind === "introduced" && order >= 0) isIn = true;
      else if (kind === "fixed" && order >= 0) isIn = false;
      else if (kind === "last_affected" && order > 0) isIn = false;
    }
    return isIn;
  });
}

function compareSemver(a: string, b: string): number {
  const [left, right] = [semver.parse(a, { loose: true }), semver.parse(b, { loose: true })];
  return left && right ? semver.compare(left, right) : a === b ? 0 : a < b ? -1 : 1;
}

function comparePep440(a: string, b: string): number {
  return validPython(a) && validPython(b) ? comparePython(a, b) : a === b ? 0 : a < b ? -1 : 1;
}
