import type { Outcome } from "../verdict.ts";
import { html, type Markup, trusted } from "./markup.ts";

/** How many models can be told apart by colour and shape before both repeat. */
const SERIES = 6;

const SHAPES = [
  '<circle cx="6" cy="6" r="4.5"/>',
  '<rect x="1.8" y="1.8" width="8.4" height="8.4"/>',
  '<path d="M6 1 11 10.4H1z"/>',
  '<path d="M6 .6 11.4 6 6 11.4 .6 6z"/>',
  '<path d="M4.2 1h3.6v3.2H11v3.6H7.8V11H4.2V7.8H1V4.2h3.2z"/>',
  '<path d="M6 11 1 1.6h10z"/>',
];

/** Names of the same shapes in Plot. */
const PLOT_SYMBOLS = ["circle", "square", "triangle", "diamond", "plus", "star"] as const;

/** The colour of a model in every chart and table. */
export function seriesColour(index: number): string {
  return `var(--${seriesClass(index)})`;
}

/** A class of the style sheet that gives its content the colour of a model. */
export function seriesClass(index: number): string {
  return `series-${(index % SERIES) + 1}`;
}

/** The symbol of a model in every chart. */
export function seriesSymbol(index: number): (typeof PLOT_SYMBOLS)[number] {
  return PLOT_SYMBOLS[index % SERIES]!;
}

/** The same beside its name; decoration. */
export function seriesMark(index: number): Markup {
  return html`<svg class="mark ${seriesClass(index)}" viewBox="0 0 12 12" aria-hidden="true">${trusted(SHAPES[index % SERIES]!)}</svg>`;
}

const OUTCOMES: Record<Outcome, string> = {
  broken: '<path d="M5 5l6 6M11 5l-6 6"/>',
  masked: '<path d="M4 7.2q2-1.6 4 0 2-1.6 4 0-.4 3.4-2.3 3.4Q8.4 10.6 8 9q-.4 1.6-1.7 1.600Q4.4 10.6 4 7.200z"/>',
  weak: '<path d="M8 4.500v7M5 8.700l3 3 3-3"/>',
  dented: '<path d="M4.5 8h7"/>',
  standing: '<path d="M4.5 8.200l2.4 2.5 4.6-5"/>',
  unproven: '<path d="M8 4.4v4.4M8 11.3v.2"/>',
  untested: '<path d="M6 6.400q0-2 2-2t2 1.900q0 1.2-2 2v.7M8 11.200v.3"/>',
};

/** A sign for an outcome that does not lean on colour. */
export function outcomeSign(outcome: Outcome): Markup {
  return html`<svg class="sign" viewBox="0 0 16 16" aria-hidden="true"><circle cx="8" cy="8" r="7.2"/>${trusted(OUTCOMES[outcome])}</svg>`;
}

/** The sign of the house: a vault in a wall. */
export const EMBLEM = trusted(
  '<svg class="emblem" viewBox="0 0 28 24" aria-hidden="true"><path d="M1 23V8l4-1V3h4v3l5-1.500L19 6V3h4v4l4 1v15h-8v-5a5 5 0 0 0-10 0v5z"/></svg>',
);
