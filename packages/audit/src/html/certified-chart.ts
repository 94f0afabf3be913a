import * as Plot from "@observablehq/plot";
import type { PartitionReport } from "../partition-model.ts";
import type { SmoothingReport } from "../smooth-model.ts";
import { plotted, svgFile } from "./svg-file.ts";

const SIZE = { width: 480, height: 300 };

/** Certified accuracy by L2 radius as a picture of its own, an SVG file: a step down at each sample's radius. */
export function radiusChart({
  certificates,
  sigma,
  samples,
}: Pick<SmoothingReport, "certificates" | "sigma" | "samples">): string {
  const right = certificates.filter(({ prediction, label }) => prediction === label);
  return certifiedChart(
    right.map(({ radius }) => radius),
    samples,
    { title: "Certified accuracy by L2 radius", x: { label: `L2 radius, at sigma ${sigma}`, nice: true } },
  );
}

/** Certified accuracy by poisoned training samples, the same way. */
export function partitionChart({
  certificates,
  parts,
  samples,
}: Pick<PartitionReport, "certificates" | "parts" | "samples">): string {
  const right = certificates.filter((each) => each.class === each.label);
  return certifiedChart(
    right.map(({ tolerated }) => tolerated),
    samples,
    {
      title: "Certified accuracy by poisoned training samples",
      x: { label: `poisoned training samples, at ${parts} parts`, domain: [0, Math.max(1, Math.floor(parts / 2))] },
    },
  );
}

function certifiedChart(
  reaches: readonly number[],
  samples: number,
  { title, x }: { readonly title: string; readonly x: Plot.ScaleOptions },
): string {
  const curve = plotted({
    ...SIZE,
    marginTop: 20,
    marginLeft: 48,
    marginBottom: 44,
    x: { ...x, labelAnchor: "center", labelArrow: "none" },
    y: {
      domain: [0, 1],
      ticks: 5,
      tickFormat: (value: number) => `${Math.round(value * 100)}%`,
      label: null,
      grid: true,
    },
    marks: [
      Plot.ruleY([0], { stroke: "#8b949e" }),
      Plot.lineY(stepsOf(reaches, samples), { x: "reach", y: "accuracy", stroke: "#0b63b0", strokeWidth: 2 }),
    ],
  });
  return svgFile(`${title} on ${samples} samples`, SIZE, [curve]);
}

/** Corners of the curve: the share of samples that are certified for their class as far as this, and at it. */
function stepsOf(reaches: readonly number[], samples: number) {
  const sorted = [...reaches].sort((a, b) => a - b);
  const corners = sorted.flatMap((reach, i) => [
    { reach, accuracy: (sorted.length - i) / samples },
    { reach, accuracy: (sorted.length - i - 1) / samples },
  ]);
  return [{ reach: 0, accuracy: sorted.length / samples }, ...corners];
}
