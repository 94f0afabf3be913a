import * as Plot from "@observablehq/plot";
import type { SmoothingReport } from "../smooth-model.ts";
import { plotted, svgFile } from "./svg-file.ts";

const SIZE = { width: 480, height: 300 };

/** Certified accuracy by L2 radius as a picture of its own, an SVG file: a step down at each sample's radius. */
export function radiusChart(report: Pick<SmoothingReport, "certificates" | "sigma" | "samples">): string {
  const points = stepsOf(report);
  const curve = plotted({
    ...SIZE,
    marginTop: 20,
    marginLeft: 48,
    marginBottom: 44,
    x: { label: `L2 radius, at sigma ${report.sigma}`, nice: true, labelAnchor: "center", labelArrow: "none" },
    y: {
      domain: [0, 1],
      ticks: 5,
      tickFormat: (value: number) => `${Math.round(value * 100)}%`,
      label: null,
      grid: true,
    },
    marks: [
      Plot.ruleY([0], { stroke: "#8b949e" }),
      Plot.lineY(points, { x: "radius", y: "accuracy", stroke: "#0b63b0", strokeWidth: 2 }),
    ],
  });
  return svgFile(`Certified accuracy by L2 radius on ${report.samples} samples`, SIZE, [curve]);
}

/** Corners of the curve: the share of samples that are certified for their class up to a radius, that radius included. */
function stepsOf({ certificates, samples }: Pick<SmoothingReport, "certificates" | "samples">) {
  const radii = certificates
    .filter(({ prediction, label }) => prediction === label)
    .map(({ radius }) => radius)
    .sort((a, b) => a - b);
  const corners = radii.flatMap((radius, i) => [
    { radius, accuracy: (radii.length - i) / samples },
    { radius, accuracy: (radii.length - i - 1) / samples },
  ]);
  return [{ radius: 0, accuracy: radii.length / samples }, ...corners];
}
