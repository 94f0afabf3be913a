import type { CheckReport, Metric, Norm, SubjectReport } from "../report.ts";
import { NORMS } from "../verdict.ts";
import { counted, proportion, short, whole } from "./figures.ts";
import { html, type Markup } from "./markup.ts";

/** Between what robust accuracy lies at each radius: certified from below, attacked from above, undecided in between. */
export function bracketTable({ checks }: SubjectReport, id: string): Markup | undefined {
  const check = checks.find((each) => each.id === "certified" && each.status === "completed");
  const rows = check ? bracketsOf(check) : [];
  if (!check || rows.length === 0) return undefined;
  return html`
<h3 id="${id}-bracket">Bracket</h3>
<p class="aside">Robust accuracy in ${NORMS[check.parameters.norm as Norm]} lies between what bounds certify and what no attack broke, on ${counted(rows[0]!.certified.of ?? 0, "sample")}. Solid is certified, striped undecided, the rest broken or wrong.</p>
<div class="scroll" role="region" aria-labelledby="${id}-bracket" tabindex="0"><table class="brackets">
<thead><tr><th scope="col" class="number">Epsilon</th><th scope="col" class="number">Certified</th><th scope="col" class="number">No attack broke</th><th scope="col" class="number">Undecided</th><th scope="col">0 – 100%</th></tr></thead>
<tbody>${rows.map(bracketRow)}</tbody>
</table></div>`;
}

interface Bracket {
  readonly epsilon: number;
  readonly certified: Metric;
  readonly attacked: Metric;
}

/** From the smallest radius; the check names what it measured at the largest without the radius. */
function bracketsOf({ parameters, metrics }: CheckReport): readonly Bracket[] {
  const epsilons = String(parameters.epsilons)
    .split(", ")
    .map(Number)
    .sort((a, b) => a - b);
  return epsilons.flatMap((epsilon, i) => {
    const suffix = i === epsilons.length - 1 ? "" : `.${Number(epsilon.toPrecision(6))}`;
    const named = (name: string) => metrics.find((metric) => metric.name === `accuracy.${name}${suffix}`);
    const [certified, attacked] = [named("certified"), named("attacked")];
    return certified && attacked ? [{ epsilon, certified, attacked }] : [];
  });
}

function bracketRow({ epsilon, certified, attacked }: Bracket): Markup {
  const undecided = (attacked.count ?? 0) - (certified.count ?? 0);
  return html`<tr><th scope="row" class="number">${short(epsilon)}</th><td class="number">${proportion(certified)}</td><td class="number">${proportion(attacked)}</td><td class="number">${whole(undecided)}</td><td>${bracketBar(certified.value, attacked.value)}</td></tr>`;
}

const STRIPE = 2.5;

/** Decoration beside the numbers. Stripes are drawn one by one, since a pattern would need an id of its own in the page. */
function bracketBar(from: number, to: number): Markup {
  const [start, end] = [from * 100, to * 100];
  const stripes = Array.from({ length: Math.max(0, Math.ceil((end - start) / (2 * STRIPE))) }, (_, i) => {
    const x = start + 2 * STRIPE * i;
    return html`<rect class="undecided" x="${x.toFixed(2)}" width="${Math.min(STRIPE, end - x).toFixed(2)}" height="8"/>`;
  });
  return html`<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect class="track" width="100" height="8"/><rect class="certified" width="${start.toFixed(2)}" height="8"/><rect class="between" x="${start.toFixed(2)}" width="${Math.max(0, end - start).toFixed(2)}" height="8"/>${stripes}</svg>`;
}
