import { parse } from "smol-toml";
import { parse as parseYaml } from "yaml";
import { isRecord } from "../../formats/hub/walk-json.ts";
import type { Dependency, Manifest, Origin } from "../dependency.ts";
import { originOf, parseRequirement, parseRequirements } from "./requirements.ts";

type Table = Readonly<Record<string, unknown>>;

const tables = (value: unknown): readonly Table[] => (Array.isArray(value) ? value.filter(isRecord) : []);
const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
const entries = (value: unknown): readonly (readonly [string, unknown])[] =>
  isRecord(value) ? Object.entries(value) : [];
const nothing: Pick<Manifest, "indexes"> = { indexes: [] };

/** poetry.lock: packages with their files, and the sources that are not PyPI. */
export function parsePoetryLock(content: string): Manifest {
  const document = parse(content);
  const files = isRecord(document.metadata) && isRecord(document.metadata.files) ? document.metadata.files : {};
  const dependencies = tables(document.package).map((entry): Dependency => {
    const name = text(entry.name) ?? "?";
    const source = isRecord(entry.source) ? entry.source : undefined;
    const url = text(source?.url);
    const commit = text(source?.resolved_reference);
    const kind = text(source?.type);
    const origin: Origin =
      kind === "git" && url !== undefined
        ? { type: "git", url, ...(commit !== undefined && { commit }) }
        : kind === "url" && url !== undefined
          ? { type: "url", url }
          : kind === "file" || kind === "directory"
            ? { type: "path", path: url ?? "" }
            : { type: "registry", ...(url !== undefined && { url }) };
    const listed = tables(entry.files).length > 0 ? tables(entry.files) : tables(files[name]);
    const hashes = listed.flatMap((file) => text(file.hash) ?? []);
    const version = text(entry.version);
    return {
      ecosystem: "PyPI",
      name,
      ...(version !== undefined && { version }),
      wanted: version ?? "",
      origin,
      hashes,
    };
  });
  return { dependencies, isLock: true, ...nothing };
}

/** uv.lock and pylock.toml (PEP 751), which differ in the names of their tables. */
export function parseUvLock(content: string): Manifest {
  const document = parse(content);
  const dependencies = [...tables(document.package), ...tables(document.packages)].flatMap((entry): Dependency[] => {
    const source = isRecord(entry.source) ? entry.source : entry;
    if ("virtual" in source || "editable" in source) return []; // the project itself
    const vcs = isRecord(entry.vcs) ? entry.vcs : undefined;
    const git = text(source.git) ?? text(vcs?.url);
    const commit = text(vcs?.["commit-id"]) ?? (git === undefined ? undefined : /#([0-9a-f]{40})$/.exec(git)?.[1]);
    const archive = text(source.url) ?? (isRecord(entry.archive) ? text(entry.archive.url) : undefined);
    const path = text(source.path) ?? text(source.directory);
    const registry = text(source.registry) ?? text(entry.index);
    const origin: Origin =
      git !== undefined
        ? { type: "git", url: git, ...(commit !== undefined && { commit }) }
        : archive !== undefined && registry === undefined
          ? { type: "url", url: archive }
          : path !== undefined
            ? { type: "path", path }
            : { type: "registry", ...(registry !== undefined && { url: registry }) };
    const files = [entry.sdist, ...tables(entry.wheels)].filter(isRecord);
    const hashes = files.flatMap(
      (file) =>
        text(file.hash) ??
        (isRecord(file.hashes) ? Object.entries(file.hashes).map(([key, value]) => `${key}:${value}`) : []),
    );
    const version = text(entry.version);
    return [
      {
        ecosystem: "PyPI",
        name: text(entry.name) ?? "?",
        ...(version !== undefined && { version }),
        wanted: version ?? "",
        origin,
        hashes,
      },
    ];
  });
  return { dependencies, isLock: true, ...nothing };
}

/** Pipfile.lock. */
export function parsePipfileLock(content: string): Manifest {
  const document: unknown = JSON.parse(content);
  if (!isRecord(document)) return { dependencies: [], isLock: true, ...nothing };
  const dependencies = [...entries(document.default), ...entries(document.develop)].map(([name, value]): Dependency => {
    const entry = isRecord(value) ? value : {};
    const version = text(entry.version)?.replace(/^===?/, "");
    const git = text(entry.git);
    const commit = text(entry.ref);
    const file = text(entry.file);
    const origin: Origin =
      git !== undefined
        ? { type: "git", url: git, ...(/^[0-9a-f]{40}$/.test(commit ?? "") && commit !== undefined && { commit }) }
        : file !== undefined
          ? originOf(file)
          : { type: "registry" };
    const hashes = Array.isArray(entry.hashes) ? entry.hashes.map(String) : [];
    return {
      ecosystem: "PyPI",
      name,
      ...(version !== undefined && { version }),
      wanted: version ?? "*",
      origin,
      hashes,
    };
  });
  const sources = isRecord(document._meta) ? tables(document._meta.sources) : [];
  const indexes = sources.slice(1).map((source) => ({ option: "sources", value: String(source.url) }));
  return { dependencies, indexes, isLock: true };
}

/** Pipfile and pyproject.toml: what people ask for, by PEP 621 or in Poetry's own table. */
export function parsePyproject(content: string): Manifest {
  const document = parse(content);
  const project = isRecord(document.project) ? document.project : {};
  const tool = isRecord(document.tool) ? document.tool : {};
  const poetry = isRecord(tool.poetry) ? tool.poetry : {};
  const uv = isRecord(tool.uv) ? tool.uv : {};
  const optional = entries(project["optional-dependencies"]).flatMap(([, list]) => (Array.isArray(list) ? list : []));
  const listed = [...(Array.isArray(project.dependencies) ? project.dependencies : []), ...optional].map((each) =>
    parseRequirement(String(each)),
  );
  const named = [...entries(poetry.dependencies), ...entries(document.packages), ...entries(document["dev-packages"])]
    .filter(([name]) => name !== "python")
    .map(([name, value]) => namedDependency(name, value));
  const indexes = [...tables(poetry.source), ...tables(uv.index), ...tables(document.source).slice(1)]
    .filter((source) => source.priority !== "explicit" && source.explicit !== true)
    .map((source) => ({ option: "source", value: String(source.url) }));
  const strategy = text(uv["index-strategy"]);
  return {
    dependencies: [...listed, ...named],
    isLock: false,
    indexes: strategy === undefined ? indexes : [...indexes, { option: "index-strategy", value: strategy }],
  };
}

function namedDependency(name: string, value: unknown): Dependency {
  const entry = isRecord(value) ? value : { version: String(value) };
  const git = text(entry.git);
  const commit = text(entry.rev) ?? text(entry.ref);
  const url = text(entry.url) ?? text(entry.file);
  const path = text(entry.path);
  const wanted = text(entry.version) ?? "*";
  const version = /^==?=?\s*([\w.!+-]+)$/.exec(wanted)?.[1] ?? (/^\d[\w.]*$/.test(wanted) ? wanted : undefined);
  const origin: Origin =
    git !== undefined
      ? { type: "git", url: git, ...(/^[0-9a-f]{40}$/.test(commit ?? "") && commit !== undefined && { commit }) }
      : url !== undefined
        ? { type: "url", url }
        : path !== undefined
          ? { type: "path", path }
          : { type: "registry" };
  return { ecosystem: "PyPI", name, ...(version !== undefined && { version }), wanted, origin, hashes: [] };
}

/** environment.yml and MLflow's conda.yaml and python_env.yaml: conda's packages, and pip's below them. */
export function parseConda(content: string): Manifest {
  const document: unknown = parseYaml(content, { maxAliasCount: 100 });
  if (!isRecord(document)) return { dependencies: [], isLock: false, ...nothing };
  const lists = [document.dependencies, document.build_dependencies].flatMap((list) =>
    Array.isArray(list) ? list : [],
  );
  const pip = lists.flatMap((each) => (isRecord(each) && Array.isArray(each.pip) ? each.pip.map(String) : []));
  const isPython = "build_dependencies" in document; // python_env.yaml lists pip's own requirements
  const plain = lists.filter((each): each is string => typeof each === "string");
  const pipText = [...pip, ...(isPython ? plain : [])].join("\n");
  const fromPip = parseRequirements(pipText);
  const conda = isPython ? [] : plain.filter((each) => !/^(pip|python)\b/.test(each)).map(condaDependency);
  const channels = Array.isArray(document.channels) ? document.channels.map(String) : [];
  const foreign = channels.filter(
    (channel) => !/^(defaults|conda-forge|pytorch|nvidia|nodefaults|bioconda|main|anaconda)$/.test(channel),
  );
  return {
    dependencies: [...conda, ...fromPip.dependencies],
    isLock: false,
    indexes: [...fromPip.indexes, ...foreign.map((value) => ({ option: "channel", value }))],
  };
}

function condaDependency(line: string): Dependency {
  const [, channel, name = line, rest = ""] = /^(?:([\w-]+)::)?([\w.-]+)\s*(.*)$/.exec(line) ?? [];
  const version = /^={1,2}\s*([\w.]+)(?:=\S+)?$/.exec(rest)?.[1];
  return {
    ecosystem: "conda",
    name,
    ...(version !== undefined && { version }),
    wanted: line,
    origin: { type: "registry", ...(channel !== undefined && { url: channel }) },
    hashes: [],
  };
}
