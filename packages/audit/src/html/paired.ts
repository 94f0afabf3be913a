import type { AuditReport, ComparisonReport } from "../report.ts";
import { percent } from "../verdict.ts";
import { whole } from "./figures.ts";
import { html, type Markup } from "./markup.ts";

/** The first model with each of the others on the same samples: did accuracy change, and could this audit have seen it? */
export function pairedComparisons({ comparisons = [] }: AuditReport): Markup | undefined {
  if (comparisons.length === 0) return undefined;
  return html`
<h3>Is the difference real?</h3>
<p class="lead">Each model with the first, sample by sample. Only samples that one of the two gets right and the other does not tell them apart; the p-value is how often chance alone would split those at least so unevenly.</p>
<div class="scroll" role="region" aria-label="Paired comparisons" tabindex="0"><table class="paired">
<thead><tr><th scope="col">Model</th><th scope="col">Measured</th><th scope="col">Difference</th><th scope="col">Right only in</th><th scope="col">p</th><th scope="col">Says</th><th scope="col">To see 1 / 2 / 5 points</th></tr></thead>
<tbody>${comparisons.map(row)}</tbody>
</table></div>`;
}

function row(comparison: ComparisonReport): Markup {
  const { baseline, candidate, metric, difference, interval, onlyBaseline, onlyCandidate, samples } = comparison;
  const measured = metric === "accuracy.clean" ? "Clean accuracy" : "Accuracy under attack";
  return html`<tr><th scope="row">${candidate}<span class="interval">against ${baseline}</span></th><td>${measured}<span class="interval">${whole(samples)} samples</span></td><td><span class="figure">${points(difference)}</span><span class="interval">${points(interval.lower)} to ${points(interval.upper)}</span></td><td>${baseline}: ${whole(onlyBaseline)}<span class="interval">${candidate}: ${whole(onlyCandidate)}</span></td><td>${pText(comparison.pValue)}</td><td>${verdictWords(comparison)}</td><td>${comparison.samplesToSee.map((each) => whole(each.samples)).join(" / ")}<span class="interval">samples</span></td></tr>`;
}

/** "worse", or how it would be read aloud. */
export function verdictWords({ verdict, metric }: ComparisonReport): string {
  if (verdict === "no difference shown") return verdict;
  const what = metric === "accuracy.clean" ? "accuracy" : "robustness";
  return verdict === "worse" ? `${what} regressed` : `${what} improved`;
}

function points(difference: number): string {
  return `${difference > 0 ? "+" : ""}${percent(difference).replace("%", "")} points`;
}

function pText(p: number): string {
  return p < 0.001 ? "< 0.001" : p.toFixed(3);
}
