import type { AuditReport, SubjectReport } from "../report.ts";
import { NORMS, percent, type Verdict, verdictOf } from "../verdict.ts";
import { bar, counted, proportion, short, whole } from "./figures.ts";
import { html, type Markup } from "./markup.ts";
import { outcomeSign, seriesMark } from "./symbols.ts";

/** What there is to know in a minute: the verdict on each model, the gate, what was doubtful and what was not tested. */
export function summary(report: AuditReport): Markup {
  return html`
${interruption(report)}
<section aria-labelledby="verdicts">
<h2 id="verdicts">Verdict</h2>
<p class="lead">${question(report)}</p>
<div class="cards">${report.subjects.map((subject, index) => card(subject, index))}</div>
</section>
${gate(report)}
${warnings(report)}
${untested(report)}`;
}

function interruption({ status, interruption: cause }: AuditReport): Markup | undefined {
  if (status === "complete") return undefined;
  return html`<div class="notice bad" role="note"><p><strong>This report is partial.</strong> ${cause ? `${cause.message.replace(/[.!]$/, "")}.` : "The run ended before its last check."} What did not run is listed below; nothing can be concluded from its absence.</p></div>`;
}

function question({ settings, subjects }: AuditReport): string {
  const samples = Math.max(0, ...subjects.map(({ data }) => data.samples));
  const epsilon = Math.max(
    ...subjects.flatMap(({ checks }) =>
      checks.flatMap(({ attack }) => (attack?.norm === settings.norm ? [attack.epsilon] : [])),
    ),
  );
  const radius = Number.isFinite(epsilon)
    ? `by at most ${short(epsilon)} in ${NORMS[settings.norm]}`
    : `in ${NORMS[settings.norm]}`;
  return `How many of ${whole(samples)} answers stay right when an attacker may change each input ${radius}?`;
}

function card(subject: SubjectReport, index: number): Markup {
  const verdict = verdictOf(subject);
  const warnings = subject.checks.reduce((sum, check) => sum + check.warnings.length, 0);
  return html`
<article class="card ${verdict.outcome}">
<p class="subject">${seriesMark(index)} <a href="#model-${index + 1}">${subject.name}</a></p>
<h3>${outcomeSign(verdict.outcome)} ${verdict.title}</h3>
${measures(verdict)}
<p class="sentence">${verdict.sentence}</p>
<p class="counts">${counted(warnings, "warning")} · ${verdict.missing.length === 0 ? "every check ran" : `${counted(verdict.missing.length, "check")} missing`}</p>
</article>`;
}

function measures({ clean, robust }: Verdict): Markup {
  return html`<dl class="measures">
<div><dt>Clean</dt><dd>${proportion(clean)}${clean && bar(clean.value, clean.interval, "clean")}</dd></div>
<div><dt>Attacked</dt><dd>${proportion(robust)}${robust && bar(robust.value, robust.interval, "robust")}</dd></div>
</dl>`;
}

function gate({ gate: result }: AuditReport): Markup | undefined {
  if (!result) return undefined;
  const unmet = result.rules.filter(({ met }) => !met).length;
  return html`
<section aria-labelledby="gate">
<h2 id="gate">Gate: ${result.met ? "met" : "not met"}</h2>
<p class="lead">${result.met ? `All ${counted(result.rules.length, "requirement")}` : `${whole(unmet)} of ${counted(result.rules.length, "requirement")} not met`}, by <code>${result.path}</code>.</p>
<div class="scroll" role="region" aria-labelledby="gate" tabindex="0"><table>
<thead><tr><th scope="col">Result</th><th scope="col">Model</th><th scope="col">Requirement</th><th scope="col">Found</th></tr></thead>
<tbody>${result.rules.map(
    ({ met, subject, rule, reason }) =>
      html`<tr><td class="state ${met ? "standing" : "broken"}">${outcomeSign(met ? "standing" : "broken")} ${met ? "met" : "not met"}</td><th scope="row">${subject}</th><td>${rule}</td><td>${reason}</td></tr>`,
  )}</tbody>
</table></div>
</section>`;
}

function warnings({ subjects }: AuditReport): Markup | undefined {
  const found = subjects.flatMap(({ name, checks }, index) =>
    checks.flatMap((check) => check.warnings.map((warning) => ({ name, index, check, warning }))),
  );
  if (found.length === 0) return undefined;
  return html`
<section aria-labelledby="warnings">
<h2 id="warnings">Warnings</h2>
<p class="lead">Signs that a number in this report may flatter the model.</p>
<ul class="notices">${found.map(
    ({ name, index, check, warning }) => html`<li class="notice warn">
<h3>${titled(warning.id)}</h3>
<p class="where">${seriesMark(index)} ${name} · ${check.title}</p>
<p>${warning.message}</p>
${warning.meaning && html`<p><strong>What it means.</strong> ${warning.meaning}</p>`}
<p class="reference">Read on: <code>${warning.documentation}</code></p>
</li>`,
  )}</ul>
</section>`;
}

function untested({ subjects }: AuditReport): Markup {
  const titles = new Map(subjects.flatMap(({ checks }) => checks.map(({ id, title }) => [id, title] as const)));
  const gaps = subjects.flatMap(({ name, checks, notRun }, index) => [
    ...checks
      .filter(({ status }) => status === "failed")
      .map(({ title, error }) => ({ name, index, title, why: `Failed: ${error ?? "no reason was given"}` })),
    ...notRun.map((id) => ({ name, index, title: titles.get(id) ?? id, why: "Planned, but did not run." })),
  ]);
  return html`
<section aria-labelledby="untested">
<h2 id="untested">What was not tested</h2>
${
  gaps.length === 0
    ? html`<p class="lead">Every planned check ran to its end.</p>`
    : html`<p class="lead">A check that did not finish is no good news: what it would have found is unknown.</p>
<ul class="notices">${gaps.map(
        ({ name, index, title, why }) =>
          html`<li class="notice bad"><h3>${title}</h3><p class="where">${seriesMark(index)} ${name}</p><p>${why}</p></li>`,
      )}</ul>`
}
<p class="aside">No attack proves robustness. An answer that stood is one that these attacks, with these budgets, could not change; another attack may.</p>
</section>`;
}

function titled(id: string): string {
  const words = id.replaceAll("-", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

const NUMBERS = ["None", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten"];

/** The page's title: what is left of one model, or how many of several hold. */
export function headline({ subjects }: AuditReport): string {
  const [first] = subjects;
  if (!first) return "No model was audited";
  if (subjects.length === 1) {
    const { robust } = verdictOf(first);
    return robust ? `${first.name}: ${percent(robust.value)} right under attack` : `${first.name}: not tested`;
  }
  const outcomes = subjects.map((subject) => verdictOf(subject).outcome);
  const holding = outcomes.filter((outcome) => outcome === "standing").length;
  const isOpen = outcomes.some((outcome) => outcome === "unproven" || outcome === "untested");
  const one = holding < 2; // "none holds", "one holds", "two hold"
  const verb = isOpen ? `${one ? "is" : "are"} shown to hold` : one ? "holds" : "hold";
  return `${inWords(holding)} of ${inWords(subjects.length).toLowerCase()} models ${verb} under attack`;
}

function inWords(count: number): string {
  return NUMBERS[count] ?? String(count);
}
