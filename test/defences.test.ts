import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { detectors, outputHardenings, purifications, trainingMethods } from "@casemate/defenses";
import { describe, expect, test } from "vitest";

const folder = join(import.meta.dirname, "..", "docs", "defences");
const sections = readdirSync(folder).flatMap((file) =>
  readFileSync(join(folder, file), "utf8")
    .split(/^## /m)
    .slice(1)
    .map((section) => {
      const [name = "", ...lines] = section.split("\n");
      return { file, name, text: lines.join("\n") };
    }),
);

describe.each(sections)("$file, $name", ({ text }) => {
  test("says what the defence does not stop", () => {
    expect(text).toMatch(/^\*\*Does not stop:\*\* \S/m);
  });
});

test("every training method that the command knows has its section, with a source to read", () => {
  const described = new Map(
    sections.filter(({ file }) => file === "training.md").map(({ name, text }) => [name, text]),
  );
  for (const name of Object.keys(trainingMethods)) expect(described.get(name) ?? name).toMatch(/\]\(https:\/\//);
});

test("every defence that wrap knows has its section, and every section its defence", () => {
  const described = sections.filter(({ file }) => file === "purification.md").map(({ name }) => name);
  expect(described.sort()).toEqual([...Object.keys(purifications), ...Object.keys(outputHardenings)].sort());
});

test("every detector that the command knows has its section, its row of figures and a source to read", () => {
  const described = sections.filter(({ file }) => file === "detectors.md");
  expect(described.map(({ name }) => name).sort()).toEqual(Object.keys(detectors).sort());
  const whole = readFileSync(join(folder, "detectors.md"), "utf8");
  for (const { name, text } of described) {
    expect(text).toMatch(/\]\(https:\/\//);
    expect(whole).toContain(`\n| ${name} | 5 % |`);
  }
});
