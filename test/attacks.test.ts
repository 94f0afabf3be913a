import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { attackRows } from "../packages/audit/src/checks/attacks/index.ts";

const root = join(import.meta.dirname, "..");
const filesUnder = (...path: string[]): string[] =>
  readdirSync(join(root, ...path), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => readFileSync(join(root, ...path, name), "utf8"));

test("every attack has a row in the audit's table", () => {
  const attacks = filesUnder("packages", "attacks", "src").flatMap((source) =>
    [...source.matchAll(/^export function (\w+)\([^;]*?\): Attack \{/gms)].map((match) => match[1]!),
  );
  const table = filesUnder("packages", "audit", "src", "checks", "attacks").join("\n");
  expect(attacks.length).toBeGreaterThan(10);
  expect(attacks.filter((name) => !new RegExp(`\\b${name}\\(`).test(table))).toEqual([]);
});

test("every row is in a profile or says why not, and a profile has each once", () => {
  for (const { title, profiles, reason } of attackRows) {
    expect(profiles.length > 0, title).toBe(reason === undefined);
  }
  const places = attackRows.flatMap(({ id, profiles }) => profiles.map((profile) => `${profile} ${id}`));
  expect(new Set(places).size).toBe(places.length);
});

test("every attack of the table has a section in docs/attacks, with its citation", () => {
  const sections = readdirSync(join(root, "docs", "attacks"))
    .filter((name) => name.endsWith(".md"))
    .flatMap((name) =>
      readFileSync(join(root, "docs", "attacks", name), "utf8")
        .split(/^## /m)
        .slice(1),
    )
    .map((text) => ({ title: text.slice(0, text.indexOf("\n")).trim(), text }));
  expect(new Set(sections.map(({ title }) => title)).size).toBe(sections.length);
  const missing = attackRows
    .map(({ attack }) => attack)
    .filter(({ name, citation }) => !sections.find(({ title }) => title === name)?.text.includes(citation.url))
    .map(({ name }) => name);
  expect([...new Set(missing)]).toEqual([]);
});
