import { createHash } from "node:crypto";
import type { AuditReport } from "../report.ts";
import { comparison } from "./comparison.ts";
import { html, type Markup, trusted } from "./markup.ts";
import { reproduction } from "./reproduce.ts";
import { STYLES } from "./styles.ts";
import { subjectSection } from "./subject.ts";
import { headline, summary } from "./summary.ts";
import { EMBLEM } from "./symbols.ts";

/** Characters of picture data in one report, so that the file stays below 2 MB. */
const PICTURES = 1_300_000;

const POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash("sha256").update(STYLES).digest("base64")}'`,
  "img-src data:",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

/** The report as one page that stands alone: no script, no network, and no part of the report that a browser would run. */
export function renderHtml(report: AuditReport): string {
  const budget = PICTURES / Math.max(1, report.subjects.length);
  const day = report.startedAt.slice(0, 10);
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${trusted(POLICY)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<title>${headline(report)} – Casemate audit</title>
<style>${trusted(STYLES)}</style>
</head>
<body>
<header class="masthead">
<p class="brand">${EMBLEM} Casemate <span>audit</span></p>
${themes()}
</header>
<main>
<h1>${headline(report)}</h1>
<p class="byline"><time datetime="${report.startedAt}">${day}</time> · ${report.settings.profile} profile · seed ${report.settings.seed} · ${report.status}</p>
${summary(report)}
${comparison(report)}
${report.subjects.map((subject, index) => subjectSection(subject, index, budget))}
${reproduction(report)}
${reading()}
</main>
<footer><p>Made by Casemate ${report.tool.version}. This file loads nothing and runs no script.</p></footer>
</body>
</html>
`.toString();
}

/** Works without a script: the style sheet asks which one is checked. */
function themes(): Markup {
  const choices = [
    ["auto", "Auto"],
    ["light", "Light"],
    ["dark", "Dark"],
  ] as const;
  return html`<fieldset class="themes"><legend class="unseen">Colours</legend>${choices.map(
    ([id, words], index) =>
      html`<input type="radio" name="theme" id="theme-${id}"${index === 0 && trusted(" checked")}><label for="theme-${id}">${words}</label>`,
  )}</fieldset>`;
}

function reading(): Markup {
  return html`
<section aria-labelledby="reading">
<h2 id="reading">How to read this report</h2>
<dl class="glossary">
<div><dt>Right under attack</dt><dd>Samples that are classified correctly and that the attack could not change to another class within the radius. Samples that were wrong before any attack count as wrong.</dd></div>
<div><dt>Epsilon</dt><dd>How far an attacker may move an input. L∞ bounds the change of each single value, L2 the length of the whole change, L1 its sum and L0 the number of values changed; in the units of the contract's range.</dd></div>
<div><dt>Interval</dt><dd>Clopper-Pearson: samples drawn in the same way would give a range that covers the true share in at least 95 of 100 audits. It speaks of the sampling of data, not of attacks that were never tried.</dd></div>
<div><dt>Verdict</dt><dd>Of the answers that were right, the strongest attack left standing: below 10% falls, below 50% weak, below 80% holds in part, from 80% holds. “Only looks robust” is a model that falls or is weak while its gradients hide it from some attacks.</dd></div>
</dl>
</section>`;
}
