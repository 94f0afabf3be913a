import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { DependencyOptions } from "../../src/dependencies/dependencies.ts";
import { distanceWithin, likenessOf, popularNames } from "../../src/dependencies/typosquat.ts";
import { defaultLimits } from "../../src/limits.ts";
import { scanBundle } from "../../src/scan-source.ts";
import { memorySource } from "../../src/sources/memory-source.ts";

const scratch = mkdtempSync(join(tmpdir(), "scan-dependencies-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

async function findingsFor(files: Readonly<Record<string, string>>, options: DependencyOptions = {}) {
  const bundle = {
    entry: "",
    names: Object.keys(files),
    open: async (name: string) =>
      files[name] === undefined ? undefined : memorySource(name, Buffer.from(files[name])),
  };
  const { findings } = await scanBundle(bundle, defaultLimits, scratch, options);
  return findings.map(({ rule, place }) => `${rule.id.replace("dependency/", "")} ${place.part}`);
}

test("a locked, hashed list of popular packages has nothing against it", async () => {
  expect(
    await findingsFor({ "requirements.txt": "numpy==2.1.0 --hash=sha256:aa\nrequests==2.32.0 --hash=sha256:bb\n" }),
  ).toEqual([]);
});

test.each([
  ["numpy>=2", "unpinned PyPI numpy"],
  ["numpy==2.1.0", "no-hash PyPI numpy"],
  ["numpy==2.1.0 --hash=md5:aa", "weak-hash PyPI numpy"],
  ["pkg @ git+https://example.invalid/pkg.git@main", "git-source PyPI pkg"],
  ["pkg @ https://example.invalid/pkg.whl", "url-source PyPI pkg"],
  ["--extra-index-url https://example.invalid/simple", "mixed-indexes --extra-index-url"],
  ["--index-url http://example.invalid/simple", "insecure-index --index-url"],
  ["reqeusts==2.32.0 --hash=sha256:aa", "typosquat PyPI reqeusts"],
  ["python_dateutill==2.9.0 --hash=sha256:aa", "typosquat PyPI python_dateutill"],
  ["dateutil-python==2.9.0 --hash=sha256:aa", "typosquat PyPI dateutil-python"],
  ["nurnpy==2.1.0 --hash=sha256:aa", "typosquat PyPI nurnpy"],
  ["requests-official==2.1.0 --hash=sha256:aa", "typosquat PyPI requests-official"],
])("%s: %s", async (line, expected) => {
  expect(await findingsFor({ "requirements.txt": `${line}\n` })).toContain(expected);
});

test("an internal name from the default registry is confusion; from an index of one's own it is not", async () => {
  const options = { internal: ["acme-*"] };
  expect(await findingsFor({ "requirements.txt": "acme-models==1.0 --hash=sha256:aa\n" }, options)).toEqual([
    "confusion PyPI acme-models",
  ]);
  const own =
    '[[package]]\nname = "acme-models"\nversion = "1.0"\nsource = { registry = "https://packages.acme.invalid/simple" }\nsdist = { hash = "sha256:aa" }\n';
  expect(await findingsFor({ "uv.lock": own }, options)).toEqual([]);
});

test("a tarball of another name, a weak digest and an install script in package-lock.json", async () => {
  const lock = JSON.stringify({
    lockfileVersion: 3,
    packages: {
      "node_modules/lodash": {
        version: "4.17.21",
        resolved: "https://example.invalid/lodahs/-/lodahs-4.17.21.tgz",
        integrity: "sha1-AA==",
        hasInstallScript: true,
      },
    },
  });
  expect((await findingsFor({ "package-lock.json": lock })).sort()).toEqual([
    "foreign-tarball npm lodash",
    "install-script npm lodash",
    "weak-hash npm lodash",
  ]);
});

test("advisories hold for the versions of their ranges, by each ecosystem's own order", async () => {
  const osv = join(scratch, "osv");
  mkdirSync(osv);
  const advisory = (id: string, ecosystem: string, name: string, events: readonly object[]) =>
    writeFileSync(
      join(osv, `${id}.json`),
      JSON.stringify({
        id,
        modified: "2026-01-01T00:00:00Z",
        affected: [{ package: { ecosystem, name }, ranges: [{ type: "ECOSYSTEM", events }] }],
      }),
    );
  advisory("PYSEC-1", "PyPI", "Requests", [{ introduced: "0" }, { fixed: "2.32.0" }]);
  advisory("GHSA-1", "npm", "lodash", [{ introduced: "4.0.0" }, { last_affected: "4.17.20" }]);
  advisory("MAL-1", "npm", "evil-package", [{ introduced: "0" }]);
  const at = async (version: string) =>
    findingsFor({ "requirements.txt": `requests==${version} --hash=sha256:aa\n` }, { osv });
  expect(await at("2.31.0")).toEqual(["advisory PyPI requests"]);
  expect(await at("2.32.0rc1")).toEqual(["advisory PyPI requests"]);
  expect(await at("2.32.0")).toEqual([]);
  const node = async (name: string, version: string) =>
    findingsFor({ "package.json": JSON.stringify({ dependencies: { [name]: version } }) }, { osv });
  expect(await node("lodash", "4.17.20")).toEqual(["advisory npm lodash"]);
  expect(await node("lodash", "4.17.21")).toEqual([]);
  expect(await node("evil-package", "1.0.0")).toContain("malware npm evil-package");
});

test("models of a hub are to be named with their commit", async () => {
  const code = (more: string) => `AutoModel.from_pretrained("org/model"${more})\n`;
  expect(await findingsFor({ "load.py": code("") })).toEqual(["hub-reference org/model"]);
  expect(await findingsFor({ "load.py": code(', revision="main"') })).toEqual(["hub-reference org/model"]);
  expect(await findingsFor({ "load.py": code(`, revision="${"a".repeat(40)}"`) })).toEqual([]);
});

test("the lists that come with the package have at least 3,000 names, a date and an origin", () => {
  for (const name of ["pypi", "npm"] as const) {
    const list = readFileSync(new URL(`../../data/popular-${name}.txt`, import.meta.url), "utf8");
    expect(popularNames(name === "npm" ? "npm" : "PyPI", list).names.size).toBeGreaterThanOrEqual(3000);
    expect(list.split("\n").slice(0, 2).join("\n")).toMatch(/as of \d{4}-\d\d-\d\d[\s\S]*https:/);
  }
});

test("no popular name is taken for another", () => {
  for (const [ecosystem, name] of [
    ["PyPI", "pypi"],
    ["npm", "npm"],
  ] as const) {
    const popular = popularNames(
      ecosystem,
      readFileSync(new URL(`../../data/popular-${name}.txt`, import.meta.url), "utf8"),
    );
    expect([...popular.names].filter((each) => likenessOf(ecosystem, each, popular))).toEqual([]);
  }
});

test.each([
  ["abc", "abc", 0],
  ["abc", "acb", 1],
  ["abc", "ab", 1],
  ["abc", "xbc", 1],
  ["kitten", "sitting", 3],
])("the distance of %s and %s is %i", (a, b, distance) => {
  expect(distanceWithin(a, b, 5)).toBe(distance);
});
