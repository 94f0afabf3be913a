import { expect, test } from "vitest";
import {
  parsePackageJson,
  parsePackageLock,
  parsePnpmLock,
  parseYarnLock,
} from "../../src/dependencies/manifests/node-locks.ts";
import {
  parseConda,
  parsePipfileLock,
  parsePoetryLock,
  parsePyproject,
  parseUvLock,
} from "../../src/dependencies/manifests/python-locks.ts";
import { parseRequirements } from "../../src/dependencies/manifests/requirements.ts";

const commit = "0123456789abcdef0123456789abcdef01234567";

test("requirements.txt: versions, ranges, extras, markers, hashes over several lines, repositories and options", () => {
  const { dependencies, indexes } = parseRequirements(`
# a comment
numpy==2.1.0 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
scipy>=1.0,<2 ; python_version > "3.9"  # behind
torch[cuda] === 2.3.0
pkg @ git+https://example.invalid/a/pkg.git@${commit}
-e git+https://example.invalid/b.git#egg=other
--extra-index-url https://example.invalid/simple
`);
  expect(dependencies.map(({ name, version, origin, hashes }) => [name, version, origin.type, hashes.length])).toEqual([
    ["numpy", "2.1.0", "registry", 2],
    ["scipy", undefined, "registry", 0],
    ["torch", "2.3.0", "registry", 0],
    ["pkg", undefined, "git", 0],
    ["other", undefined, "git", 0],
  ]);
  expect(dependencies[3]!.origin).toMatchObject({ commit });
  expect(indexes).toEqual([{ option: "--extra-index-url", value: "https://example.invalid/simple" }]);
});

test("poetry.lock", () => {
  const { dependencies, isLock } = parsePoetryLock(`
[[package]]
name = "numpy"
version = "2.1.0"
files = [{file = "numpy.whl", hash = "sha256:aa"}]
[[package]]
name = "own"
version = "1.0"
files = []
[package.source]
type = "git"
url = "https://example.invalid/own.git"
reference = "main"
resolved_reference = "${commit}"
`);
  expect(isLock).toBe(true);
  expect(dependencies.map(({ name, version, hashes }) => [name, version, hashes])).toEqual([
    ["numpy", "2.1.0", ["sha256:aa"]],
    ["own", "1.0", []],
  ]);
  expect(dependencies[1]!.origin).toEqual({ type: "git", url: "https://example.invalid/own.git", commit });
});

test("uv.lock leaves out the project itself; pylock.toml has its hashes in tables", () => {
  const uv = parseUvLock(`
version = 1
[[package]]
name = "project"
version = "0.1"
source = { virtual = "." }
[[package]]
name = "idna"
version = "3.10"
source = { registry = "https://example.invalid/simple" }
wheels = [{ url = "https://example.invalid/idna.whl", hash = "sha256:cc" }]
`);
  expect(uv.dependencies).toMatchObject([
    { name: "idna", version: "3.10", hashes: ["sha256:cc"], origin: { url: "https://example.invalid/simple" } },
  ]);
  const pylock = parseUvLock(`
lock-version = "1.0"
[[packages]]
name = "attrs"
version = "25.1.0"
[[packages.wheels]]
name = "attrs.whl"
hashes = { sha256 = "dd" }
`);
  expect(pylock.dependencies).toMatchObject([{ name: "attrs", version: "25.1.0", hashes: ["sha256:dd"] }]);
});

test("Pipfile.lock", () => {
  const { dependencies, indexes } = parsePipfileLock(
    JSON.stringify({
      _meta: { sources: [{ url: "https://a.invalid" }, { url: "https://b.invalid" }] },
      default: { requests: { version: "==2.32.0", hashes: ["sha256:ee"] } },
    }),
  );
  expect(dependencies).toMatchObject([{ name: "requests", version: "2.32.0", hashes: ["sha256:ee"] }]);
  expect(indexes).toEqual([{ option: "sources", value: "https://b.invalid" }]);
});

test("pyproject.toml by PEP 621 and in Poetry's table", () => {
  const { dependencies, indexes } = parsePyproject(`
[project]
dependencies = ["numpy>=2", "scipy==1.14.0"]
[tool.poetry.dependencies]
python = "^3.11"
pandas = "2.2.0"
own = { git = "https://example.invalid/own.git", rev = "${commit}" }
[[tool.uv.index]]
url = "https://example.invalid/simple"
`);
  expect(dependencies.map(({ name, version, origin }) => [name, version, origin.type])).toEqual([
    ["numpy", undefined, "registry"],
    ["scipy", "1.14.0", "registry"],
    ["pandas", "2.2.0", "registry"],
    ["own", undefined, "git"],
  ]);
  expect(indexes).toHaveLength(1);
});

test("MLflow's conda.yaml and python_env.yaml", () => {
  const conda = parseConda(
    "channels: [conda-forge]\ndependencies:\n- python=3.11\n- numpy=2.1.0\n- pip<=24\n- pip:\n  - mlflow==3.6.0\n  - scikit-learn\n",
  );
  expect(conda.dependencies.map(({ ecosystem, name, version }) => [ecosystem, name, version])).toEqual([
    ["conda", "numpy", "2.1.0"],
    ["PyPI", "mlflow", "3.6.0"],
    ["PyPI", "scikit-learn", undefined],
  ]);
  const env = parseConda("python: 3.11.4\nbuild_dependencies:\n- pip==24.0\ndependencies:\n- -r requirements.txt\n");
  expect(env.dependencies).toMatchObject([{ ecosystem: "PyPI", name: "pip", version: "24.0" }]);
});

test("package.json: exact versions, ranges, other names, repositories and paths", () => {
  const { dependencies } = parsePackageJson(
    JSON.stringify({
      dependencies: {
        a: "1.2.3",
        b: "^1.0.0",
        c: "npm:real@2.0.0",
        d: "someone/repo",
        e: "file:../e",
        f: "https://example.invalid/f.tgz",
      },
    }),
  );
  expect(dependencies.map(({ name, version, origin }) => [name, version, origin.type])).toEqual([
    ["a", "1.2.3", "registry"],
    ["b", undefined, "registry"],
    ["real", "2.0.0", "registry"],
    ["d", undefined, "git"],
    ["e", undefined, "path"],
    ["f", undefined, "url"],
  ]);
});

test("package-lock.json of versions 1 and 3", () => {
  const third = parsePackageLock(
    JSON.stringify({
      lockfileVersion: 3,
      packages: {
        "": {},
        "node_modules/a": {
          version: "1.0.0",
          resolved: "https://example.invalid/a/-/a-1.0.0.tgz",
          integrity: "sha512-AA==",
          hasInstallScript: true,
          deprecated: "no longer kept",
        },
        "node_modules/b/node_modules/@s/c": { version: "2.0.0" },
      },
    }),
  );
  expect(third.dependencies).toMatchObject([
    { name: "a", hashes: ["sha512-AA=="], hasInstallScript: true, notice: "deprecated: no longer kept" },
    { name: "@s/c", version: "2.0.0", hashes: [] },
  ]);
  const first = parsePackageLock(
    JSON.stringify({
      lockfileVersion: 1,
      dependencies: { a: { version: "1.0.0", dependencies: { b: { version: "2.0.0" } } } },
    }),
  );
  expect(first.dependencies.map(({ name }) => name)).toEqual(["a", "b"]);
});

test("pnpm-lock.yaml of versions 6 and 9", () => {
  const lock = (key: string) =>
    parsePnpmLock(
      `lockfileVersion: '9.0'\npackages:\n  '${key}':\n    resolution: {integrity: sha512-AA==}\n    requiresBuild: true\n`,
    );
  expect(lock("@s/a@1.0.0(b@2.0.0)").dependencies).toMatchObject([
    { name: "@s/a", version: "1.0.0", hasInstallScript: true },
  ]);
  expect(lock("/a@1.0.0").dependencies).toMatchObject([{ name: "a", version: "1.0.0" }]);
});

test("yarn.lock in its first form and as YAML", () => {
  const classic = parseYarnLock(`# yarn lockfile v1


"@s/a@^1.0.0", "@s/a@^1.1.0":
  version "1.1.0"
  resolved "https://example.invalid/@s/a/-/a-1.1.0.tgz#${commit}"
  integrity sha512-AA==

b@~2.0.0:
  version "2.0.1"
  resolved "https://example.invalid/b/-/b-2.0.1.tgz#${commit}"
`);
  expect(classic.dependencies).toMatchObject([
    { name: "@s/a", version: "1.1.0", hashes: ["sha512-AA=="] },
    { name: "b", version: "2.0.1", hashes: [`sha1-${commit}`] },
  ]);
  const berry = parseYarnLock(
    '__metadata:\n  version: 8\n"a@npm:^1.0.0":\n  version: 1.0.0\n  resolution: "a@npm:1.0.0"\n  checksum: 10c0/ff\n"own@workspace:.":\n  version: 0\n  resolution: "own@workspace:."\n',
  );
  expect(berry.dependencies).toMatchObject([{ name: "a", version: "1.0.0" }]);
});
