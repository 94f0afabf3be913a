import { describe, expect, test } from "vitest";
import { STYLES } from "../../src/html/styles.ts";

const colours = new Map(
  [...STYLES.matchAll(/--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)/g)].map(([, name, light, dark]) => [
    name!,
    { light: light!, dark: dark! },
  ]),
);
const text = [
  "ink",
  "ink-soft",
  "ink-faint",
  "link",
  "bad",
  "warn",
  "good",
  ...[1, 2, 3, 4, 5, 6].map((i) => `series-${i}`),
];

describe.each(["light", "dark"] as const)("in %s colours", (theme) => {
  // WCAG 2.2, 1.4.3: 4.5 for text
  test.each([
    ...text.flatMap((ink) => [
      [ink, "paper"],
      [ink, "panel"],
    ]),
    ...["ink", "ink-soft", "bad"].map((ink) => [ink, "bad-soft"]),
    ...["ink", "ink-soft", "warn"].map((ink) => [ink, "warn-soft"]),
  ] as [string, string][])("%s can be read on %s", (ink, paper) => {
    expect(contrast(colours.get(ink)![theme], colours.get(paper)![theme])).toBeGreaterThanOrEqual(4.5);
  });
});

test("the contrast used here is that of the standard", () => {
  expect(contrast("#000000", "#ffffff")).toBeCloseTo(21, 6);
  expect(contrast("#767676", "#ffffff")).toBeCloseTo(4.54, 2); // the well-known lightest grey that passes
});

function contrast(a: string, b: string): number {
  const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

function luminance(colour: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const value = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
