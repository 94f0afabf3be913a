import * as Plot from "@observablehq/plot";
import type { TrainingReport } from "../train-model.ts";
import { html, type Markup } from "./markup.ts";
import { plotted, svgFile } from "./svg-file.ts";

const PANEL = { width: 440, height: 300 };
const MARGIN = { marginTop: 40, marginLeft: 48, marginRight: 20, marginBottom: 44 };
const INK = "#15191e";
const RULE = "#8b949e";

/** Loss and accuracies on the validation samples by epoch as a picture of its own, an SVG file; the best epoch is marked. */
export function trainingChart({ history, bestEpoch }: Pick<TrainingReport, "history" | "bestEpoch">): string {
  const loss = { name: "mean loss", colour: INK, points: history.map(({ epoch, loss: value }) => ({ epoch, value })) };
  const accuracies = SERIES.map(({ key, ...line }) => ({
    ...line,
    points: history.flatMap(({ epoch, of, [key]: count }) =>
      count === undefined ? [] : [{ epoch, value: count / of }],
    ),
  })).filter(({ points }) => points.length > 0);
  const axes = { epochs: history.length, bestEpoch };
  const share = { domain: [0, 1], ticks: 5, tickFormat: (value: number) => `${Math.round(value * 100)}%` };
  const largest = Math.max(0, ...loss.points.map(({ value }) => value)) || 1;
  const smallest = Math.min(0, ...loss.points.map(({ value }) => value));
  const contents = [
    panel([loss], axes, { domain: [smallest, largest], ticks: 5, nice: true }),
    html`<g transform="translate(${PANEL.width} 0)">${panel(accuracies, axes, share)}</g>`,
  ];
  const names = ["Loss", ...accuracies.map(({ name }) => name)].join(", ");
  const description = `${names} of the validation samples by epoch, of ${history.length}; the best is ${bestEpoch}`;
  return svgFile(description, { width: 2 * PANEL.width, height: PANEL.height }, contents);
}

/** Told apart by dashes as well as colour. */
const SERIES = [
  { key: "correct", name: "right", colour: "#0b63b0" },
  { key: "robust", name: "robust under PGD", colour: "#b3470b", dash: "6,3" },
  { key: "certified", name: "certified", colour: "#1f7a45", dash: "2,3" },
] as const;

interface Line {
  readonly name: string;
  readonly colour: string;
  readonly dash?: string;
  readonly points: readonly { readonly epoch: number; readonly value: number }[];
}

function panel(
  lines: readonly Line[],
  { epochs, bestEpoch }: { readonly epochs: number; readonly bestEpoch: number },
  y: Plot.ScaleOptions,
): Markup {
  const every = Math.ceil(epochs / 8);
  const ticks = Array.from({ length: epochs }, (_, i) => i + 1).filter((epoch) => epoch % every === 0);
  const best = epochs > 0 ? [bestEpoch] : [];
  const drawn = plotted({
    ...PANEL,
    ...MARGIN,
    x: {
      domain: epochs > 1 ? [1, epochs] : [0, 2],
      ticks,
      tickFormat: String,
      label: "Epoch",
      labelAnchor: "center",
      labelArrow: "none",
    },
    y: { label: null, grid: true, ...y },
    marks: [
      Plot.ruleY([0], { stroke: RULE }),
      Plot.ruleX(best, { stroke: RULE, strokeDasharray: "2,3" }),
      Plot.text(best, { x: (epoch: number) => epoch, frameAnchor: "top", dy: -12, text: () => "best", fill: INK }),
      ...lines.map(({ points, colour, dash }) =>
        Plot.lineY(points, {
          x: "epoch",
          y: "value",
          stroke: colour,
          strokeWidth: 2,
          ...(dash && { strokeDasharray: dash }),
        }),
      ),
      ...(epochs > MOST_DOTS
        ? []
        : lines.map(({ points, colour }) => Plot.dot(points, { x: "epoch", y: "value", fill: colour, r: 2.6 }))),
    ],
  });
  return html`${drawn}${legend(lines)}`;
}

/** Above so many epochs, dots would hide the line. */
const MOST_DOTS = 40;

/** Names in one row above the frame, each after a piece of its line. */
function legend(lines: readonly Line[]): readonly Markup[] {
  let start = MARGIN.marginLeft;
  return lines.map(({ name, colour, dash }) => {
    const x = start;
    start += 26 + 7 * name.length + 14;
    return html`<line x1="${x}" x2="${x + 20}" y1="12" y2="12" stroke="${colour}" stroke-width="2" stroke-dasharray="${dash ?? "none"}"/><text x="${x + 26}" y="16" text-anchor="start" fill="${colour}">${name}</text>`;
  });
}
