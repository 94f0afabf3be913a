import type { PlotOptions } from "@observablehq/plot";
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { html, type Markup, trusted } from "./markup.ts";

export interface SvgSize {
  readonly width: number;
  readonly height: number;
}

/** A picture of its own, black on white, as the text of an SVG file; `description` is for readers who cannot see it. */
export function svgFile(description: string, { width, height }: SvgSize, contents: readonly Markup[]): string {
  return `${html`<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="${description}" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" fill="#15191e" font-family="sans-serif" font-size="12" text-anchor="middle"><rect width="100%" height="100%" fill="#ffffff"/>${contents}</svg>`}\n`;
}

/** What a chart draws, without the root that Plot puts around it and the style sheet in it. */
export function plotted(options: PlotOptions): Markup {
  const { document } = parseHTML("<html></html>");
  const figure = Plot.plot({ document, ...options });
  figure.querySelector("style")?.remove();
  return trusted(figure.innerHTML);
}
