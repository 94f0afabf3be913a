import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "..");
const read = (...path: string[]): string => readFileSync(join(root, ...path), "utf8");
const manifest = (name: string) => JSON.parse(read("packages", name, "package.json"));

/** From the ground up: each package imports only those before it. */
const order = [
  "tensor",
  "statistics",
  "data",
  "onnx",
  "attacks",
  "defenses",
  "scan",
  "evidence",
  "audit",
  "store",
  "registry",
  "casemate",
];

test("the lock names no host: packages come from whatever registry the reader uses", () => {
  const { packages } = JSON.parse(read("package-lock.json"));
  const withUrl = Object.entries<Record<string, unknown>>(packages).filter(([, entry]) => {
    const { funding: _, ...installed } = entry; // where a package asks for donations is not where it comes from
    return JSON.stringify(installed).includes("://");
  });
  expect(withUrl.map(([name]) => name)).toEqual([]);
});

test("install scripts are off and the lock is kept free of hosts", () => {
  expect(read(".npmrc").split("\n")).toEqual(
    expect.arrayContaining(["ignore-scripts=true", "omit-lockfile-registry-resolved=true"]),
  );
});

test.each(["package.json", ...order.map((name) => `packages/${name}/package.json`)])(
  "%s pins exact versions",
  (path) => {
    const { dependencies = {}, devDependencies = {} } = JSON.parse(read(path));
    for (const [name, version] of Object.entries<string>({ ...dependencies, ...devDependencies })) {
      expect(version, name).toMatch(/^\d+\.\d+\.\d+$/);
    }
  },
);

test("all packages have one version and one licence", () => {
  const facts = order.map((name) => `${manifest(name).version} ${manifest(name).license}`);
  expect(new Set(facts)).toEqual(new Set([`${JSON.parse(read("package.json")).version} Apache-2.0`]));
  expect(readdirSync(join(root, "packages")).sort()).toEqual([...order].sort());
});

test.each(order)("%s imports only packages below it", (name) => {
  const allowed = order.slice(0, order.indexOf(name)).map((each) => `@casemate/${each}`);
  const source = filesUnder(join(root, "packages", name, "src"))
    .map((path) => readFileSync(path, "utf8"))
    .join("\n");
  const imported = [...source.matchAll(/(?:from|import|import\()\s*"(@casemate\/[a-z]+)/g)].map((match) => match[1]!);
  const { dependencies = {} } = manifest(name);
  const declared = Object.keys(dependencies).filter((each) => each.startsWith("@casemate/"));
  expect(allowed).toEqual(expect.arrayContaining(declared));
  expect([...new Set(imported)].sort()).toEqual(declared.sort());
});

test("docs/errors.md lists every error code under its class, and no other", () => {
  const declared = order.flatMap((name) =>
    filesUnder(join(root, "packages", name, "src")).flatMap((path) => {
      const [, error, union = ""] = /type (\w+Error)Code =([^;]+);/.exec(readFileSync(path, "utf8")) ?? [];
      return [...union.matchAll(/"([A-Z_]+)"/g)].map((match) => `${error} ${match[1]}`);
    }),
  );
  const listed = read("docs", "errors.md")
    .split(/^## /m)
    .flatMap((section) => {
      const error = section.slice(0, section.indexOf("\n"));
      return [...section.matchAll(/^\| `([A-Z_]+)`/gm)].map((match) => `${error} ${match[1]}`);
    });
  expect(declared.length).toBeGreaterThan(order.length);
  expect(listed.sort()).toEqual(declared.sort());
});

function filesUnder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => join(folder, name));
}
