import type { AuditReport, CheckReport, SubjectReport } from "../report.ts";
import { threat, verdictOf } from "../verdict.ts";
import { accuracyChart } from "./charts.ts";
import { bar, proportion } from "./figures.ts";
import { html, type Markup } from "./markup.ts";
import { pairedComparisons } from "./paired.ts";
import { seriesClass, seriesColour, seriesMark, seriesSymbol } from "./symbols.ts";

/** The models side by side: one row for each attack, then one chart for each. Nothing where there is a single model. */
export function comparison(report: AuditReport): Markup | undefined {
  const { subjects } = report;
  if (subjects.length < 2) return undefined;
  const attacks = attacksOf(subjects);
  return html`
<section aria-labelledby="side-by-side">
<h2 id="side-by-side">Side by side</h2>
<p class="lead">The share of samples answered correctly, with its 95% confidence interval. The lowest figure of each model is underlined.</p>
<div class="scroll" role="region" aria-labelledby="side-by-side" tabindex="0"><table class="comparison">
<thead><tr><th scope="col">Attack</th>${subjects.map(({ name }, index) => html`<th scope="col">${seriesMark(index)} ${name}</th>`)}</tr></thead>
<tbody>
<tr class="clean"><th scope="row">None<span class="interval">clean samples</span></th>${subjects.map((subject) => cleanCell(subject))}</tr>
${attacks.map(
  (attack) =>
    html`<tr><th scope="row">${attack.title}<span class="interval">${attack.threat}</span></th>${subjects.map((subject, index) => attackCell(subject, attack.id, seriesClass(index)))}</tr>`,
)}
</tbody>
<tfoot>
<tr><th scope="row">Warnings</th>${subjects.map(({ checks }) => html`<td>${checks.reduce((sum, { warnings }) => sum + warnings.length, 0)}</td>`)}</tr>
<tr><th scope="row">Checks missing</th>${subjects.map(({ checks, notRun }) => html`<td>${checks.filter(({ status }) => status === "failed").length + notRun.length}</td>`)}</tr>
</tfoot>
</table></div>
${pairedComparisons(report)}
<h3>Accuracy as the attacker gets more room</h3>
<div class="charts">${attacks.map(({ id, title }) => attackChart(subjects, id, title))}</div>
</section>`;
}

interface AttackRow {
  readonly id: string;
  readonly title: string;
  readonly threat: string | undefined;
}

function attacksOf(subjects: readonly SubjectReport[]): readonly AttackRow[] {
  const rows = new Map<string, AttackRow>();
  for (const { id, kind, title, attack } of subjects.flatMap(({ checks }) => checks)) {
    if (kind === "attack" && !rows.get(id)?.threat) rows.set(id, { id, title, threat: attack && threat(attack) });
  }
  for (const id of subjects.flatMap(({ notRun }) => notRun)) {
    if (!rows.has(id)) rows.set(id, { id, title: id, threat: undefined });
  }
  return [...rows.values()];
}

function cleanCell({ checks }: SubjectReport): Markup {
  const clean = checks.flatMap(({ metrics }) => metrics).find(({ name }) => name === "accuracy.clean");
  return html`<td>${proportion(clean)}${clean && bar(clean.value, clean.interval, "clean")}</td>`;
}

function attackCell(subject: SubjectReport, id: string, series: string): Markup {
  const check = subject.checks.find((candidate) => candidate.id === id);
  if (check?.status === "failed") return html`<td><span class="absent failed">failed</span></td>`;
  const robust = check?.metrics.find(({ name }) => name === "accuracy.robust");
  if (!robust)
    return html`<td><span class="absent">${subject.notRun.includes(id) ? "not run" : "not planned"}</span></td>`;
  const isStrongest = robust.value === verdictOf(subject).robust?.value;
  return html`<td class="${series}${isStrongest && " strongest"}">${proportion(robust)}${bar(robust.value, robust.interval, "robust")}${isStrongest && html`<span class="unseen"> lowest</span>`}</td>`;
}

function attackChart(subjects: readonly SubjectReport[], id: string, title: string): Markup | undefined {
  const measured = subjects.flatMap((subject, index) => {
    const check = subject.checks.find((candidate) => candidate.id === id && hasCurve(candidate));
    return check?.attack ? [{ attack: check.attack, name: subject.name, index }] : [];
  });
  const [first] = measured;
  if (!first) return undefined;
  const curves = measured.map(({ attack, name, index }) => ({
    name,
    points: attack.curve,
    colour: seriesColour(index),
    symbol: seriesSymbol(index),
    isEmphasised: true,
  }));
  const description = `Accuracy of ${measured.map(({ name }) => name).join(", ")} over epsilon under ${title}. The figures stand in the table of each model.`;
  return html`<figure><figcaption>${title}</figcaption>${accuracyChart(curves, { ...first.attack, description })}</figure>`;
}

/** Whether a check measured accuracy at several radii; a line between a model's own accuracy and one radius would be made up. */
export function hasCurve({ status, attack }: CheckReport): boolean {
  return status === "completed" && attack !== undefined && attack.curve.length > 2;
}
