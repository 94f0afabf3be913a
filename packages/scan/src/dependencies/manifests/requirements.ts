import type { Dependency, Manifest, Origin } from "../dependency.ts";

/** requirements.txt and constraints (pip, "Requirements File Format"): packages, hashes, and options that change the index. */
export function parseRequirements(text: string): Manifest {
  const dependencies: Dependency[] = [];
  const indexes: { option: string; value: string }[] = [];
  for (const raw of text.replace(/\\\r?\n/g, " ").split(/\r?\n/)) {
    const line = raw.replace(/(^|\s)#.*$/, "").trim();
    if (line === "") continue;
    const [, option = "", value = ""] =
      /^(-i|--index-url|--extra-index-url|--find-links|-f|--trusted-host|--no-index|--pre|-r|-c|--requirement|--constraint|-e|--editable)(?:[=\s]+(.*))?$/.exec(
        line,
      ) ?? [];
    if (option === "-e" || option === "--editable") dependencies.push(parseRequirement(value));
    else if (option !== "") indexes.push({ option, value: value.trim() });
    else if (!line.startsWith("-")) dependencies.push(parseRequirement(line));
  }
  return { dependencies, indexes, isLock: dependencies.some(({ hashes }) => hashes.length > 0) };
}

/** One requirement by PEP 508, with pip's hashes behind it: "name[extra]==1.0; marker --hash=sha256:…". */
export function parseRequirement(line: string): Dependency {
  const hashes = [...line.matchAll(/--hash[=\s]+(\w+:[0-9a-f]+)/g)].map((match) => match[1]!);
  const wanted = line.replace(/\s--\S.*$/, "").trim();
  const [, given, reference] = /^([A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\])?\s*@\s*(\S+)/.exec(wanted) ?? [];
  if (given !== undefined && reference !== undefined) {
    return { ecosystem: "PyPI", name: given, wanted, origin: originOf(reference), hashes };
  }
  if (/^(git\+|hg\+|svn\+|bzr\+|https?:|file:|\.|\/)/.test(wanted)) {
    const egg = /[#&]egg=([\w.-]+)/.exec(wanted)?.[1];
    return { ecosystem: "PyPI", name: egg ?? wanted, wanted, origin: originOf(wanted), hashes };
  }
  const [, name = wanted, specifier = ""] = /^([A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\])?\s*([^;]*)/.exec(wanted) ?? [];
  const version = /^\(?\s*={2,3}\s*([^,*\s)]+)\s*\)?$/.exec(specifier.trim())?.[1];
  return {
    ecosystem: "PyPI",
    name,
    ...(version !== undefined && { version }),
    wanted,
    origin: { type: "registry" },
    hashes,
  };
}

/** Where a reference leads: a repository with its commit, an archive, a path. */
export function originOf(reference: string): Origin {
  if (/^(git|hg|svn|bzr)(\+|:|@)|\.git(#|@|$)|^(github|gitlab|bitbucket):/.test(reference)) {
    const commit = /[@#]([0-9a-f]{40})(?:$|[#&?/])/.exec(reference)?.[1];
    return { type: "git", url: reference, ...(commit !== undefined && { commit }) };
  }
  if (/^https?:/.test(reference)) return { type: "url", url: reference };
  return { type: "path", path: reference };
}
