import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import type { AttackReport, Norm } from "../report.ts";
import { NORMS } from "../verdict.ts";
import { short } from "./figures.ts";
import { html, type Markup, trusted } from "./markup.ts";
import type { seriesSymbol } from "./symbols.ts";

/** One line of an accuracy chart. */
export interface Curve {
  readonly name: string;
  readonly points: AttackReport["curve"];
  readonly colour: string;
  readonly symbol?: ReturnType<typeof seriesSymbol>;
  /** Lengths of dashes and gaps; unbroken where absent. */
  readonly dash?: string;
  /** Drawn strong, with its confidence band. */
  readonly isEmphasised: boolean;
}

export interface AccuracyChartOptions {
  readonly norm: Norm;
  /** Radius that the verdict is about, drawn as a line. */
  readonly epsilon: number;
  /** What a reader who cannot see the chart is told. */
  readonly description: string;
}

const WIDTH = 400;
const HEIGHT = 250;
const MARGIN = { marginTop: 20, marginLeft: 40, marginBottom: 40 };
const LABEL_GAP = 15 / (HEIGHT - MARGIN.marginTop - MARGIN.marginBottom);

/** Accuracy over epsilon: one line per curve, named at its end, with the band of its confidence interval. */
export function accuracyChart(curves: readonly Curve[], { norm, epsilon, description }: AccuracyChartOptions): Markup {
  const longest = Math.max(...curves.flatMap(({ name }) => lines(name).map(({ length }) => length)));
  return chart(description, {
    marginRight: 18 + 7.3 * longest,
    x: { label: `Epsilon (${NORMS[norm]})`, ticks: 4, nice: false, labelAnchor: "center", labelArrow: "none" },
    y: {
      domain: [0, 1],
      ticks: 4,
      tickFormat: (value: number) => `${Math.round(value * 100)}%`,
      label: null,
      grid: true,
    },
    marks: [
      Plot.ruleY([0], { stroke: "var(--rule-strong)" }),
      Plot.ruleX([epsilon], { stroke: "var(--ink-faint)", strokeDasharray: "2,3" }),
      ...curves
        .filter(({ isEmphasised }) => isEmphasised)
        .map(({ points, colour }) =>
          Plot.areaY(points, { x: "epsilon", y1: "lower", y2: "upper", fill: colour, fillOpacity: 0.14 }),
        ),
      ...curves.map(({ points, colour, dash, isEmphasised }) =>
        Plot.lineY(points, {
          x: "epsilon",
          y: "accuracy",
          stroke: colour,
          strokeWidth: isEmphasised ? 2 : 1.25,
          ...(dash && { strokeDasharray: dash }),
        }),
      ),
      ...curves
        .filter(({ symbol }) => symbol !== undefined)
        .map(({ points, colour, symbol }) =>
          Plot.dot(points, {
            x: "epsilon",
            y: "accuracy",
            fill: colour,
            stroke: "var(--paper)",
            symbol: symbol!,
            r: 3.6,
          }),
        ),
      ...endLabels(curves).map(({ x, y, curve }) =>
        Plot.text([[x, y]], {
          text: [lines(curve.name).join("\n")],
          textAnchor: "start",
          dx: 9,
          fill: curve.isEmphasised ? curve.colour : "var(--ink-soft)",
          fontWeight: curve.isEmphasised ? 600 : 400,
        }),
      ),
    ],
  });
}

/** How large the perturbations were, with the median marked. */
export function distanceChart(
  { norm, distances }: Pick<AttackReport, "norm"> & { readonly distances: NonNullable<AttackReport["distances"]> },
  colour: string,
  description: string,
): Markup {
  const { histogram, quantiles } = distances;
  const median = quantiles[3];
  return chart(description, {
    marginRight: 16,
    x: { label: `Size of the perturbation (${NORMS[norm]})`, ticks: 5, labelAnchor: "center", labelArrow: "none" },
    y: { label: null, ticks: 4, grid: true, nice: true },
    marks: [
      Plot.rectY(histogram, { x1: "from", x2: "to", y: "count", fill: colour, fillOpacity: 0.8, inset: 0.5 }),
      Plot.ruleY([0], { stroke: "var(--rule-strong)" }),
      ...(median === undefined
        ? []
        : [
            Plot.ruleX([median], { stroke: "var(--ink)", strokeDasharray: "3,3" }),
            Plot.text([median], {
              x: (value: number) => value,
              frameAnchor: "top",
              dy: -14,
              text: [`median ${short(median)}`],
              fill: "var(--ink)",
            }),
          ]),
    ],
  });
}

/** Names stand at the end of their line, pushed apart where lines end close to each other. */
function endLabels(curves: readonly Curve[]): readonly EndLabel[] {
  const ends = curves
    .flatMap((curve) => curve.points.slice(-1).map(({ epsilon, accuracy }) => ({ x: epsilon, y: accuracy, curve })))
    .sort((a, b) => a.y - b.y);
  const gaps = ends.map(
    ({ curve }, i) => (LABEL_GAP * (lines(curve.name).length + lines(ends[i - 1]?.curve.name ?? "").length)) / 2,
  );
  const heights: number[] = [];
  for (const [i, { y }] of ends.entries()) heights.push(i === 0 ? y : Math.max(y, heights[i - 1]! + gaps[i]!));
  for (let i = heights.length - 1, most = 1; i >= 0; most = heights[i]! - gaps[i]!, i--) {
    heights[i] = Math.min(heights[i]!, most);
  }
  const x = Math.max(...ends.map((end) => end.x));
  return ends.map(({ curve }, i) => ({ x, y: heights[i]!, curve }));
}

interface EndLabel {
  readonly x: number;
  readonly y: number;
  readonly curve: Curve;
}

const LINE = 15;

/** A name in one line, or in two where it is long and has a space. */
function lines(name: string): readonly string[] {
  const space = name.length > LINE ? name.lastIndexOf(" ", LINE) : -1;
  const parts = space > 0 ? [name.slice(0, space), name.slice(space + 1)] : [name];
  return parts.map((part) => (part.length > LINE ? `${part.slice(0, 7)}…${part.slice(-7)}` : part)); // versions differ at the end
}

/** The root is written here and not taken from Plot, whose style sheet and style attributes the page's policy refuses. */
function chart(description: string, options: Plot.PlotOptions): Markup {
  const { document } = parseHTML("<html></html>");
  const figure = Plot.plot({ document, width: WIDTH, height: HEIGHT, ...MARGIN, ...options });
  figure.querySelector("style")?.remove();
  return html`<svg class="chart" role="img" aria-label="${description}" viewBox="0 0 ${WIDTH} ${HEIGHT}" fill="currentColor" text-anchor="middle">${trusted(figure.innerHTML)}</svg>`;
}
