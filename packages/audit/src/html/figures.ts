import type { Metric } from "../report.ts";
import { percent } from "../verdict.ts";
import { html, type Markup } from "./markup.ts";

/** A proportion with its interval beneath: "81.8%" over "78.1 – 85.1". */
export function proportion(metric: Metric | undefined): Markup {
  if (!metric) return html`<span class="absent">not measured</span>`;
  return html`<span class="figure">${percent(metric.value)}</span>${interval(metric)}`;
}

function interval({ interval }: Metric): Markup | undefined {
  if (!interval) return undefined;
  const { lower, upper, confidence } = interval;
  const words = `${Math.round(confidence * 100)}% confidence interval`;
  return html`<span class="interval" title="${words}"><span class="unseen">${words} </span>${bound(lower)} – ${bound(upper)}</span>`;
}

function bound(proportion: number): string {
  return (proportion * 100).toFixed(1);
}

/** A horizontal bar with the interval as a whisker; decoration beside a number that says the same. */
export function bar(value: number, interval: Metric["interval"], kind: string): Markup {
  const at = (proportion: number) => (Math.min(1, Math.max(0, proportion)) * 100).toFixed(2);
  const whisker =
    interval &&
    html`<rect class="whisker" x="${at(interval.lower)}" y="3.4" width="${at(interval.upper - interval.lower)}" height="1.2"/>`;
  return html`<svg class="bar ${kind}" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect class="track" width="100" height="8"/><rect class="fill" width="${at(value)}" height="8"/>${whisker}</svg>`;
}

/** 12345678 is "12,345,678". */
export function whole(count: number): string {
  return Math.round(count)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ",");
}

/** At most four significant digits, so that 0.30000001192 is "0.3". */
export function short(value: number): string {
  return String(Number(value.toPrecision(4)));
}

/** 83.2 is "1 min 23 s". */
export function duration(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const rounded = Math.round(seconds);
  if (rounded < 60) return `${rounded} s`;
  return `${Math.floor(rounded / 60)} min ${rounded % 60} s`;
}

/** A count with its noun: "1 warning", "2 warnings". */
export function counted(count: number, noun: string): string {
  return `${whole(count)} ${noun}${count === 1 ? "" : "s"}`;
}
