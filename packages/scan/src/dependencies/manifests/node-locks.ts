import { parse as parseYaml } from "yaml";
import { isRecord } from "../../formats/hub/walk-json.ts";
import type { Dependency, Manifest, Origin } from "../dependency.ts";
import { originOf } from "./requirements.ts";

type Table = Readonly<Record<string, unknown>>;

const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
const entries = (value: unknown): readonly (readonly [string, unknown])[] =>
  isRecord(value) ? Object.entries(value) : [];

function origin(reference: string | undefined): Origin {
  if (reference === undefined) return { type: "registry" };
  if (/^(git|github|gitlab|bitbucket)|\.git(#|$)|^[\w-]+\/[\w.-]+(#|$)/.test(reference))
    return originOf(/^[\w-]+\//.test(reference) ? `github:${reference}` : reference);
  if (/^file:|^link:|^portal:|^\.{0,2}\//.test(reference)) return { type: "path", path: reference };
  if (/\/-\/[^/]+\.tgz(#|$)/.test(reference)) return { type: "registry", url: reference };
  return /^https?:/.test(reference) ? { type: "url", url: reference } : { type: "registry" };
}

/** package.json: what people ask for. */
export function parsePackageJson(content: string): Manifest {
  const document: unknown = JSON.parse(content);
  const table: Table = isRecord(document) ? document : {};
  const listed = ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"].flatMap((key) =>
    entries(table[key]),
  );
  const dependencies = listed.map(([alias, value]): Dependency => {
    const wanted = String(value);
    const [, name = alias, range = wanted] = /^npm:(@?[^@]+)(?:@(.*))?$/.exec(wanted) ?? [];
    const version = /^v?=?\d+\.\d+\.\d+(?:[-+][\w.-]+)?$/.test(range) ? range.replace(/^[v=]+/, "") : undefined;
    return {
      ecosystem: "npm",
      name,
      ...(version !== undefined && { version }),
      wanted,
      origin: /^(workspace:|npm:|[\d^~>=<*v]|$|latest|next)/.test(wanted) ? { type: "registry" } : origin(wanted),
      hashes: [],
    };
  });
  return { dependencies, indexes: [], isLock: false };
}

/** package-lock.json and npm-shrinkwrap.json of versions 1 to 3. */
export function parsePackageLock(content: string): Manifest {
  const document: unknown = JSON.parse(content);
  const table: Table = isRecord(document) ? document : {};
  const dependencies: Dependency[] = [];
  for (const [path, value] of entries(table.packages)) {
    if (path === "" || !isRecord(value) || value.link === true || !path.includes("node_modules/")) continue;
    dependencies.push(locked(text(value.name) ?? path.replace(/^.*node_modules\//, ""), value));
  }
  if (dependencies.length === 0) {
    const waiting = [...entries(table.dependencies)];
    for (let next = waiting.pop(); next; next = waiting.pop()) {
      const [name, value] = next;
      if (!isRecord(value)) continue;
      dependencies.push(locked(name, value));
      waiting.push(...entries(value.dependencies));
    }
  }
  return { dependencies, indexes: [], isLock: true };
}

function locked(name: string, value: Table): Dependency {
  const version = text(value.version);
  const resolved =
    text(value.resolved) ?? (version !== undefined && /^(git|http|file|github)/.test(version) ? version : undefined);
  const integrity = text(value.integrity);
  const notice = text(value.deprecated);
  return {
    ecosystem: "npm",
    name,
    ...(version !== undefined && { version }),
    wanted: version ?? "",
    origin: origin(resolved),
    hashes: integrity === undefined ? [] : integrity.split(/\s+/),
    ...(value.hasInstallScript === true && { hasInstallScript: true }),
    ...(notice !== undefined && { notice: `deprecated: ${notice}` }),
  };
}

/** pnpm-lock.yaml of versions 5 to 9. */
export function parsePnpmLock(content: string): Manifest {
  const document: unknown = parseYaml(content, { maxAliasCount: 100 });
  const dependencies = entries(isRecord(document) ? document.packages : undefined).map(([key, value]): Dependency => {
    const entry: Table = isRecord(value) ? value : {};
    const resolution: Table = isRecord(entry.resolution) ? entry.resolution : {};
    const [, name = key, version = ""] = /^\/?(@?[^@/]+(?:\/[^@/]+)?)[@/]([^(_]+)/.exec(key) ?? [];
    const integrity = text(resolution.integrity);
    const commit = text(resolution.commit);
    const tarball = text(resolution.tarball);
    const repository = text(resolution.repo);
    const notice = text(entry.deprecated);
    return {
      ecosystem: "npm",
      name,
      version,
      wanted: version,
      origin:
        repository !== undefined
          ? { type: "git", url: repository, ...(commit !== undefined && { commit }) }
          : origin(tarball),
      hashes: integrity === undefined ? [] : [integrity],
      ...(entry.requiresBuild === true && { hasInstallScript: true }),
      ...(notice !== undefined && { notice: `deprecated: ${notice}` }),
    };
  });
  return { dependencies, indexes: [], isLock: true };
}

/** yarn.lock: the first version has a form of its own, later ones are YAML. */
export function parseYarnLock(content: string): Manifest {
  return /^__metadata:/m.test(content) ? parseBerry(content) : parseClassic(content);
}

function parseBerry(content: string): Manifest {
  const document: unknown = parseYaml(content, { maxAliasCount: 100 });
  const dependencies = entries(document).flatMap(([key, value]): Dependency[] => {
    if (key === "__metadata" || !isRecord(value)) return [];
    const resolution = text(value.resolution) ?? key;
    const [, name = key, reference = ""] = /^(@?[^@]+)@(.*)$/.exec(resolution) ?? [];
    if (/^(workspace|patch|virtual):/.test(reference)) return [];
    const version = text(value.version);
    const checksum = text(value.checksum);
    return [
      {
        ecosystem: "npm",
        name,
        ...(version !== undefined && { version }),
        wanted: reference,
        origin: reference.startsWith("npm:") ? { type: "registry" } : origin(reference),
        hashes: checksum === undefined ? [] : [`sha512-${checksum}`],
      },
    ];
  });
  return { dependencies, indexes: [], isLock: true };
}

function parseClassic(content: string): Manifest {
  const dependencies = content.split(/\n(?=\S)/).flatMap((block): Dependency[] => {
    const [, key] = /^"?(@?[^@"\s]+)@[^\n]*:\s*\n/.exec(block) ?? [];
    if (key === undefined || block.startsWith("#")) return [];
    const field = (name: string) => new RegExp(`^  ${name} "?([^"\\n]+)"?$`, "m").exec(block)?.[1];
    const version = field("version");
    const resolved = field("resolved");
    const integrity = field("integrity");
    const [url = undefined, sum = undefined] = resolved?.split("#") ?? [];
    const hashes =
      integrity !== undefined
        ? [integrity]
        : sum !== undefined && /^[0-9a-f]{40}$/.test(sum) && !/git/.test(url ?? "")
          ? [`sha1-${sum}`]
          : [];
    return [
      {
        ecosystem: "npm",
        name: key,
        ...(version !== undefined && { version }),
        wanted: version ?? "",
        origin: origin(resolved),
        hashes,
      },
    ];
  });
  return { dependencies, indexes: [], isLock: true };
}
