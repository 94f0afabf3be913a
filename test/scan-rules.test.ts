import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { entryNameRules } from "../packages/scan/src/formats/archives/entry-names.ts";
import { bundleFormats } from "../packages/scan/src/formats/bundles/bundle-formats.ts";
import { formats, textFormats } from "../packages/scan/src/formats/index.ts";
import { jsonFormats } from "../packages/scan/src/formats/json/json-formats.ts";
import { general } from "../packages/scan/src/general-rules.ts";
import { folderRules } from "../packages/scan/src/walk.ts";
import { root } from "./casemate.ts";

const documents = join(root, "docs/scan");
const tables = [...formats, ...textFormats, ...jsonFormats, ...bundleFormats].map(({ rules }) => rules);
const rules = new Map(
  [...tables, general, folderRules, entryNameRules]
    .flatMap((table) => Object.values(table))
    .map((rule) => [rule.id, rule]),
);

test("docs/scan lists every rule with its severity, and no other", () => {
  const listed = readdirSync(documents).flatMap((name) =>
    [...readFileSync(join(documents, name), "utf8").matchAll(/^\| `([\w-]+\/[\w-]+)` \| (\w+) \|/gm)].map(
      ([, id, severity]) => `${id} ${severity}`,
    ),
  );
  expect(listed.sort()).toEqual([...rules.values()].map(({ id, severity }) => `${id} ${severity}`).sort());
});

test("every rule says what would happen in a sentence, and names its taxonomies", () => {
  for (const { id, title, effect, owasp, atlas } of rules.values()) {
    expect(effect, id).toMatch(/^[A-Z].*\.$/s);
    expect(title, id).toMatch(/^\p{Lu}/u);
    for (const each of owasp) expect(each, id).toMatch(/^ML\d\d:2023$/);
    for (const each of atlas) expect(each, id).toMatch(/^AML\.T\d{4}$/);
  }
});
