import type { ScanContext } from "../format.ts";
import { type Dependency, type Ecosystem, type Manifest, normalName } from "./dependency.ts";
import { type AdvisoryIndex, advisoriesFor } from "./osv.ts";
import { dependencyRules as rules } from "./rules.ts";
import { likenessOf, type PopularNames } from "./typosquat.ts";

/** What dependencies are held against. */
export interface DependencyKnowledge {
  readonly popular: Readonly<Partial<Record<Ecosystem, PopularNames>>>;
  /** Names, or beginnings with "*", that are the reader's own. */
  readonly internal: readonly string[];
  readonly advisories: AdvisoryIndex;
}

const PUBLIC =
  /^https?:\/\/(?:[\w.-]+\.)?(?:pypi\.org|pypi\.python\.org|files\.pythonhosted\.org|npmjs\.org|npmjs\.com|yarnpkg\.com|npm\.taobao\.org|npmmirror\.com)(?:[/:]|$)/;

/** Reports what is wrong with the packages of a manifest, and with where they come from. */
export function checkManifest(
  manifest: Manifest,
  knowledge: DependencyKnowledge,
  entry: string,
  context: ScanContext,
): void {
  for (const { option, value } of manifest.indexes) checkIndex(option, value, entry, context);
  for (const dependency of manifest.dependencies) {
    context.countEntry();
    const { ecosystem, name, version, hashes } = dependency;
    context.list({ type: "package", ecosystem, name, ...(version !== undefined && { version }), hashes });
    checkDependency(dependency, manifest, knowledge, (rule, evidence) =>
      context.report(rules[rule], evidence, { entry, part: `${dependency.ecosystem} ${dependency.name}` }),
    );
  }
}

function checkIndex(option: string, value: string, entry: string, context: ScanContext): void {
  const place = { entry, part: option };
  if (/^http:/.test(value) || option === "--trusted-host")
    context.report(rules["insecure-index"], `${option} ${value}`, place);
  const isMixed =
    option === "--extra-index-url" ||
    option === "source" ||
    option === "sources" ||
    (option === "index-strategy" && value.startsWith("unsafe"));
  if (isMixed) context.report(rules["mixed-indexes"], `${option} ${value}`, place);
}

type Report = (rule: keyof typeof rules, evidence: string) => void;

function checkDependency(
  dependency: Dependency,
  manifest: Manifest,
  knowledge: DependencyKnowledge,
  report: Report,
): void {
  const { ecosystem, name, version, wanted, origin, hashes, hasInstallScript, notice } = dependency;
  checkOrigin(dependency, report);
  if (origin.type === "registry") {
    if (version === undefined) report("unpinned", wanted === "" ? "any version" : wanted);
    else if (hashes.length === 0 && (manifest.isLock || ecosystem === "PyPI")) report("no-hash", wanted);
  }
  const weak = hashes.filter((hash) => /^(md5|sha1)\W/.test(hash));
  if (weak.length > 0 && weak.length === hashes.length) report("weak-hash", weak[0]!);
  if (hasInstallScript) report("install-script", wanted);
  if (notice !== undefined) report("notice", notice);
  if (isInternal(ecosystem, name, knowledge.internal)) {
    const isPublic = origin.type === "registry" && (origin.url === undefined || PUBLIC.test(origin.url));
    if (isPublic) report("confusion", `${name} from ${origin.url ?? "the default registry"}`);
    return;
  }
  const popular = knowledge.popular[ecosystem];
  const likeness = popular && likenessOf(ecosystem, name, popular);
  if (likeness) report("typosquat", `'${name}' could be taken for '${likeness.popular}': it ${likeness.how}`);
  for (const { id, summary, isMalware } of advisoriesFor(dependency, knowledge.advisories)) {
    report(isMalware ? "malware" : "advisory", `${name} ${version}: ${id} ${summary}`);
  }
}

function checkOrigin({ ecosystem, name, origin }: Dependency, report: Report): void {
  switch (origin.type) {
    case "git":
      report(origin.commit === undefined ? "git-source" : "git-commit", origin.url);
      break;
    case "url":
      report("url-source", origin.url);
      break;
    case "registry":
      if (origin.url === undefined) break;
      if (origin.url.startsWith("http:")) report("insecure-index", origin.url);
      if (ecosystem === "npm" && !tarballFits(name, origin.url)) report("foreign-tarball", origin.url);
      break;
    case "path":
      break;
  }
}

/** Whether a tarball's address names the package: ".../name/-/name-1.0.0.tgz". */
function tarballFits(name: string, url: string): boolean {
  const [, named] = /\/((?:@|%40)[^/]+(?:\/|%2[fF])[^/]+|[^/]+)\/-\/[^/]+\.tgz/.exec(url) ?? [];
  return named === undefined || decodeURIComponent(named) === name;
}

function isInternal(ecosystem: Ecosystem, name: string, internal: readonly string[]): boolean {
  const own = normalName(ecosystem, name);
  return internal.some((each) => {
    const pattern = normalName(ecosystem, each.replace(/\*$/, ""));
    return each.endsWith("*") ? own.startsWith(pattern) : own === pattern;
  });
}
