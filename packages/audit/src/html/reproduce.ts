import type { AuditReport, SubjectReport } from "../report.ts";
import { NORMS } from "../verdict.ts";
import { short, whole } from "./figures.ts";
import { html, type Markup } from "./markup.ts";
import { seriesMark } from "./symbols.ts";

/** How to run the same audit again, and on what exactly it was run. */
export function reproduction({ settings, tool, startedAt, finishedAt, subjects }: AuditReport): Markup {
  const { budget, environment } = settings;
  const limits = [
    budget?.seconds !== undefined && `${whole(budget.seconds)} seconds`,
    budget?.queries !== undefined && `${whole(budget.queries)} model runs`,
  ].filter((words) => words !== false);
  const rows: readonly (readonly [string, string])[] = [
    ["Casemate", tool.version],
    ["Profile", settings.profile],
    ["Seed", String(settings.seed)],
    ["Radii", `${NORMS[settings.norm]} ${settings.epsilons.map(short).join(", ")}`],
    ["Budget", limits.length === 0 ? "none" : limits.join(", ")],
    ["Device", `${settings.device}, ${settings.threads} ${settings.threads === 1 ? "thread" : "threads"}`],
    ["onnxruntime", environment.onnxruntime],
    ["Node.js", environment.node],
    ["Platform", environment.platform],
    ["Started", startedAt],
    ["Finished", finishedAt],
  ];
  return html`
<section aria-labelledby="reproduce">
<h2 id="reproduce">To run it again</h2>
<pre><code>${settings.command}</code></pre>
<dl class="pairs">${rows.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
${subjects.map(files)}
</section>`;
}

function files({ name, model, data }: SubjectReport, index: number): Markup {
  return html`<details><summary>${seriesMark(index)} ${name}: files and operators</summary>
<dl class="pairs wide">
<div><dt>Model</dt><dd><code>${model.path}</code>, ${whole(model.bytes)} bytes, IR ${model.irVersion}, opset ${model.opset}</dd></div>
<div><dt>SHA-256</dt><dd><code class="hash">${model.sha256}</code></dd></div>
<div><dt>Data</dt><dd><code>${data.path}</code>, ${whole(data.samples)} samples of [${data.shape.join(", ")}]</dd></div>
<div><dt>SHA-256</dt><dd><code class="hash">${data.sha256}</code></dd></div>
<div><dt>Takes</dt><dd>${model.inputs.map(signature)}</dd></div>
<div><dt>Gives</dt><dd>${model.outputs.map(signature)}</dd></div>
</dl>
<table class="narrow"><thead><tr><th scope="col">Operator</th><th scope="col" class="number">Count</th><th scope="col">Gradient</th></tr></thead>
<tbody>${model.operators.map((operator) => html`<tr><th scope="row">${operator.name}</th><td class="number">${whole(operator.count)}</td><td>${operator.gradient}</td></tr>`)}</tbody></table>
</details>`;
}

function signature({ name, dtype, shape }: SubjectReport["model"]["inputs"][number]): Markup {
  return html`<code>${name}: ${dtype}[${shape.map((dimension) => dimension ?? "?").join(", ")}]</code> `;
}
