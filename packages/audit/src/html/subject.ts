import type { AttackReport, CheckReport, ClassRow, SubjectReport } from "../report.ts";
import { NORMS, percent, strongestAttack, threat, verdictOf } from "../verdict.ts";
import { bracketTable } from "./bracket.ts";
import { accuracyChart, type Curve, distanceChart } from "./charts.ts";
import { hasCurve } from "./comparison.ts";
import { bar, counted, duration, proportion, short, whole } from "./figures.ts";
import { gallery } from "./gallery.ts";
import { html, link, type Markup } from "./markup.ts";
import { outcomeSign, seriesClass, seriesColour, seriesMark } from "./symbols.ts";

/** Everything about one model: attacks, curves, distances, pictures, classes, assumptions and how each check was run. */
export function subjectSection(subject: SubjectReport, index: number, galleryBudget: number): Markup {
  const id = `model-${index + 1}`;
  const verdict = verdictOf(subject);
  const { model, data } = subject;
  return html`
<section class="model" aria-labelledby="${id}">
<h2 id="${id}">${seriesMark(index)} ${subject.name}</h2>
<p class="lead"><span class="state ${verdict.outcome}">${outcomeSign(verdict.outcome)} ${verdict.title}.</span> ${verdict.sentence}</p>
<p class="facts">${whole(model.parameters)} parameters · ${model.producer || "unknown producer"} · opset ${model.opset} · ${counted(data.samples, "sample")} of [${data.shape.join(" × ")}]</p>
${attackTable(subject, id)}
<div class="charts">${attacksChart(subject, index)}${smallestChart(subject, index)}</div>
${curveTable(subject)}
${bracketTable(subject, id)}
${gallery(subject, galleryBudget)}
${classTable(subject.perClass, id, seriesClass(index))}
${scanned(subject)}
${assumptions(subject)}
${methods(subject.checks)}
</section>`;
}

function attackTable({ checks }: SubjectReport, id: string): Markup | undefined {
  const attacks = checks.filter(({ kind }) => kind === "attack");
  if (attacks.length === 0) return undefined;
  return html`
<h3 id="${id}-attacks">Attacks</h3>
<div class="scroll" role="region" aria-labelledby="${id}-attacks" tabindex="0"><table>
<thead><tr><th scope="col">Attack</th><th scope="col">Sees</th><th scope="col" class="number">Still right</th><th scope="col" class="number">Broken</th><th scope="col" class="number">Stood</th><th scope="col" class="number">Wrong before</th><th scope="col" class="number">Model runs</th><th scope="col" class="number">Time</th></tr></thead>
<tbody>${attacks.map(attackRow)}</tbody>
</table></div>${checks.flatMap(({ notes = [] }) => notes).map((note) => html`<p class="aside">${note}</p>`)}`;
}

const ACCESS: Record<AttackReport["access"], string> = {
  gradient: "gradients",
  score: "scores",
  decision: "decisions",
};

function attackRow({ title, status, error, attack, metrics, queries, seconds }: CheckReport): Markup {
  if (status === "failed") {
    return html`<tr><th scope="row">${title}</th><td colspan="7"><span class="absent failed">failed</span> ${error ?? "no reason was given"}</td></tr>`;
  }
  const runs = html`<td class="number">${whole(queries.forward + queries.backward)}</td><td class="number">${duration(seconds)}</td>`;
  if (!attack) {
    const transformed = metrics.find(({ name }) => name === "accuracy.transformed");
    return html`<tr><th scope="row">${title}<span class="interval">bounded by no ball</span></th><td>–</td><td class="number">${proportion(transformed)}</td><td colspan="3"></td>${runs}</tr>`;
  }
  const robust = metrics.find(({ name }) => name === "accuracy.robust");
  const unsettled = [
    attack.failed > 0 && `${whole(attack.failed)} failed`,
    attack.borderline > 0 && `${whole(attack.borderline)} borderline`,
  ].filter((words) => words !== false);
  return html`<tr><th scope="row">${title}<span class="interval">${threat(attack)}${unsettled.length > 0 && ` · ${unsettled.join(", ")}`}</span></th><td>${ACCESS[attack.access]}</td><td class="number">${proportion(robust)}</td><td class="number">${whole(attack.broken)}</td><td class="number">${whole(attack.robust)}</td><td class="number">${whole(attack.wrong)}</td>${runs}</tr>`;
}

const DASHES = ["6,3", "2,3", "10,3,2,3", "1,5"];

function attacksChart(subject: SubjectReport, index: number): Markup | undefined {
  const strongest = strongestAttack(subject);
  const drawn = subject.checks.filter((check) => hasCurve(check) && check.attack?.norm === strongest?.attack?.norm);
  if (!strongest?.attack || drawn.length === 0) return undefined;
  const others = drawn.filter(({ id }) => id !== strongest.id);
  const curves = drawn.flatMap((check): Curve[] => {
    if (!check.attack) return [];
    const points = check.attack.curve;
    const isEmphasised = check.id === strongest.id;
    if (isEmphasised) return [{ name: check.title, points, colour: seriesColour(index), isEmphasised }];
    const dash = DASHES[others.indexOf(check) % DASHES.length]!;
    return [{ name: check.title, points, colour: "var(--ink-faint)", dash, isEmphasised }];
  });
  const description = `Accuracy of ${subject.name} over epsilon under ${drawn.map(({ title }) => title).join(", ")}. The same figures stand in the table below.`;
  return html`<figure><figcaption>Accuracy over epsilon</figcaption>${accuracyChart(curves, { ...strongest.attack, description })}</figure>`;
}

/** How far the strongest attack had to go; where it does not say, the one that broke most. */
function smallestChart(subject: SubjectReport, index: number): Markup | undefined {
  const strongest = strongestAttack(subject);
  const measured = subject.checks
    .filter(({ status, attack }) => status === "completed" && attack?.norm === strongest?.attack?.norm)
    .filter(({ attack }) => attack?.distances && attack.distances.histogram.length > 0)
    .sort((a, b) => (b.attack?.broken ?? 0) - (a.attack?.broken ?? 0));
  const chosen = measured.find(({ id }) => id === strongest?.id) ?? measured[0];
  if (!chosen?.attack?.distances) return undefined;
  const { norm, distances, broken } = chosen.attack;
  const description = `Histogram of the smallest perturbations that broke ${subject.name}, found by ${chosen.title}; median ${short(distances.quantiles[3] ?? 0)} in ${NORMS[norm]}.`;
  return html`<figure><figcaption>Smallest perturbations found in ${counted(broken, "broken sample")}</figcaption>${distanceChart({ norm, distances }, seriesColour(index), description)}</figure>`;
}

function curveTable({ checks }: SubjectReport): Markup | undefined {
  const drawn = checks.filter(hasCurve);
  if (drawn.length === 0) return undefined;
  return html`<details><summary>Figures behind the charts</summary>
${drawn.map(
  ({ title, attack }) =>
    attack &&
    html`<div class="scroll" role="region" aria-label="${title}" tabindex="0"><table class="narrow"><caption>${title}, ${NORMS[attack.norm]}</caption>
<thead><tr><th scope="row">Epsilon</th>${attack.curve.map(({ epsilon }) => html`<th scope="col" class="number">${short(epsilon)}</th>`)}</tr></thead>
<tbody><tr><th scope="row">Accuracy</th>${attack.curve.map(({ accuracy, lower, upper }) => html`<td class="number">${percent(accuracy)}<span class="interval">${(lower * 100).toFixed(1)} – ${(upper * 100).toFixed(1)}</span></td>`)}</tr></tbody>
</table></div>`,
)}</details>`;
}

const CLASS_ROWS = 100;

function classTable(classes: readonly ClassRow[], id: string, series: string): Markup | undefined {
  if (classes.length === 0) return undefined;
  const shown =
    classes.length <= CLASS_ROWS ? classes : [...classes].sort((a, b) => a.robust - b.robust).slice(0, CLASS_ROWS);
  const left = classes.length - shown.length;
  return html`
<h3 id="${id}-classes">Classes</h3>
<p class="aside">Before, and after the strongest attack at the main epsilon.${left > 0 && ` The ${CLASS_ROWS} that fell deepest; report.json has the other ${whole(left)}.`}</p>
<div class="scroll" role="region" aria-labelledby="${id}-classes" tabindex="0"><table class="classes ${series}">
<thead><tr><th scope="col">Class</th><th scope="col" class="number">Samples</th><th scope="col">Clean</th><th scope="col">Attacked</th><th scope="col">Most often becomes</th></tr></thead>
<tbody>${shown.map(
    ({ name, samples, clean, robust, becomes }) =>
      html`<tr><th scope="row">${name}</th><td class="number">${whole(samples)}</td><td><span class="figure">${percent(clean)}</span>${bar(clean, undefined, "clean")}</td><td><span class="figure">${percent(robust)}</span>${bar(robust, undefined, "robust")}</td><td>${becomes ?? "–"}</td></tr>`,
  )}</tbody>
</table></div>`;
}

function scanned({ scan }: SubjectReport): Markup | undefined {
  if (!scan) return undefined;
  const told = scan.findings.filter(({ severity }) => severity !== "info");
  return html`
<h3>Scan of the file</h3>
<p>${scan.verdict === "clean" ? "No known indicator of harm was found before the model was loaded. That is not a proof that it is safe." : `The file is ${scan.verdict}.`}</p>
${told.length > 0 && html`<ul>${told.map(({ rule, title, part, evidence, effect }) => html`<li><b>${title}</b> (${rule})${part !== undefined && `, ${part}`}: ${evidence}. ${effect}</li>`)}</ul>`}`;
}

function assumptions({ assumptions: sentences }: SubjectReport): Markup {
  return html`
<h3>Assumptions</h3>
${
  sentences.length === 0
    ? html`<p class="aside">None: the contract said everything, and the model was attacked as it is.</p>`
    : html`<p class="aside">What was inferred, or changed in the copy of the model that was attacked. Should one be wrong, state it in the contract and audit again.</p><ul class="plain">${sentences.map((sentence) => html`<li>${sentence}</li>`)}</ul>`
}`;
}

function methods(checks: readonly CheckReport[]): Markup {
  return html`<details><summary>How each check was run</summary><div class="methods">${checks.map(
    ({ title, id, citation, taxonomy, parameters, metrics }) => html`<div class="method">
<h4>${title} <code>${id}</code></h4>
<p>${link(citation.url, citation.text)}</p>
<p class="tags">${[...taxonomy.owasp, ...taxonomy.atlas, ...taxonomy.nist].map((tag) => html`<span>${tag}</span> `)}</p>
<dl class="pairs">${Object.entries(parameters).map(([name, value]) => html`<div><dt>${name}</dt><dd>${String(value)}</dd></div>`)}${metrics.map(
      ({ name, value, unit }) =>
        html`<div><dt>${name}</dt><dd>${unit === "proportion" ? percent(value) : short(value)}</dd></div>`,
    )}</dl></div>`,
  )}</div></details>`;
}
