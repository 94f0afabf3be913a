import { readFileSync } from "node:fs";
import { ScanError } from "../errors.ts";
import type { Bundle, BundleFormat, ScanContext } from "../format.ts";
import { readText } from "../sources/read-text.ts";
import { checkManifest, type DependencyKnowledge } from "./check-manifest.ts";
import type { Ecosystem, Manifest } from "./dependency.ts";
import { checkHubReferences } from "./hub-references.ts";
import { parsePackageJson, parsePackageLock, parsePnpmLock, parseYarnLock } from "./manifests/node-locks.ts";
import {
  parseConda,
  parsePipfileLock,
  parsePoetryLock,
  parsePyproject,
  parseUvLock,
} from "./manifests/python-locks.ts";
import { parseRequirements } from "./manifests/requirements.ts";
import { advisoryKey, readAdvisories } from "./osv.ts";
import { dependencyRules } from "./rules.ts";
import { popularNames } from "./typosquat.ts";

/** How dependencies are judged. */
export interface DependencyOptions {
  /** A file with names that people trust, one on a line, in place of the lists that come with the package. */
  readonly popular?: string;
  /** Names that are the reader's own, which no public registry should give; "acme-*" for all that begin so. */
  readonly internal?: readonly string[];
  /** A folder with an export of OSV. */
  readonly osv?: string;
}

/** Manifests go by their names: that is how their own tools find them. */
const PARSERS: readonly (readonly [name: RegExp, parse: (text: string) => Manifest])[] = [
  [/^(requirements|constraints)[\w.-]*\.(txt|in)$/, parseRequirements],
  [/^poetry\.lock$/, parsePoetryLock],
  [/^(uv\.lock|pylock(\.[\w-]+)?\.toml)$/, parseUvLock],
  [/^Pipfile\.lock$/, parsePipfileLock],
  [/^(pyproject\.toml|Pipfile)$/, parsePyproject],
  [/^(conda|environment|python_env)\.ya?ml$/, parseConda],
  [/^package\.json$/, parsePackageJson],
  [/^(package-lock|npm-shrinkwrap)\.json$/, parsePackageLock],
  [/^pnpm-lock\.yaml$/, parsePnpmLock],
  [/^yarn\.lock$/, parseYarnLock],
];

/** Manifests and lockfiles of Python and Node, MLflow's too, and code that loads models from a hub. */
export const dependencies: BundleFormat = {
  id: "dependencies",
  title: "Dependencies",
  rules: dependencyRules,
  detect: (names) => names.some((name) => parserOf(name) !== undefined || isCode(name)),
  async scan(bundle, context) {
    const manifests: { readonly name: string; readonly manifest: Manifest }[] = [];
    for (const name of bundle.names) {
      const parse = parserOf(name);
      if (parse)
        await context.attempt(
          name,
          async () => void manifests.push({ name, manifest: await read(bundle, name, parse, context) }),
        );
      else if (isCode(name))
        await context.attempt(name, async () => checkHubReferences(await textOf(bundle, name, context), name, context));
    }
    if (manifests.length === 0) return;
    const knowledge = knowledgeFor(
      manifests.map(({ manifest }) => manifest),
      context.dependencies,
    );
    for (const { name, manifest } of manifests) checkManifest(manifest, knowledge, name, context);
  },
};

function parserOf(path: string): ((text: string) => Manifest) | undefined {
  if (/(^|\/)node_modules\//.test(path)) return undefined;
  const name = path.split("/").at(-1)!;
  return PARSERS.find(([pattern]) => pattern.test(name))?.[1];
}

function isCode(path: string): boolean {
  return /\.(py|ipynb)$/.test(path);
}

async function textOf(bundle: Bundle, name: string, context: ScanContext): Promise<string> {
  const source = await bundle.open(name);
  return source ? readText(source, context.limits) : "";
}

async function read(
  bundle: Bundle,
  name: string,
  parse: (text: string) => Manifest,
  context: ScanContext,
): Promise<Manifest> {
  const text = await textOf(bundle, name, context);
  try {
    return parse(text);
  } catch (cause) {
    throw new ScanError("MALFORMED", `${name}: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}

function knowledgeFor(
  manifests: readonly Manifest[],
  { popular, internal = [], osv }: DependencyOptions,
): DependencyKnowledge {
  const wanted = new Set(
    manifests.flatMap((manifest) => manifest.dependencies.map(({ ecosystem, name }) => advisoryKey(ecosystem, name))),
  );
  const listFor = (ecosystem: Ecosystem, name: string) =>
    popularNames(
      ecosystem,
      readFileSync(popular ?? new URL(`../../data/popular-${name}.txt`, import.meta.url), "utf8"),
    );
  const ecosystems = new Set(manifests.flatMap((manifest) => manifest.dependencies.map(({ ecosystem }) => ecosystem)));
  return {
    popular: {
      ...(ecosystems.has("PyPI") && { PyPI: listFor("PyPI", "pypi") }),
      ...(ecosystems.has("npm") && { npm: listFor("npm", "npm") }),
    },
    internal,
    advisories: osv === undefined ? new Map() : readAdvisories(osv, wanted),
  };
}
