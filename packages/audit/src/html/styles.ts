/** The style sheet of the report. Its hash is part of the page's content security policy. */
export const STYLES = `
:root {
  color-scheme: light dark;
  --paper: light-dark(#ffffff, #14171b);
  --panel: light-dark(#f6f7f8, #1c2026);
  --rule: light-dark(#e3e6e9, #2c323a);
  --rule-strong: light-dark(#8b949e, #6a7480);
  --ink: light-dark(#15191e, #e9ecef);
  --ink-soft: light-dark(#4d5761, #b0b9c3);
  --ink-faint: light-dark(#68727d, #8d98a4);
  --link: light-dark(#0a58a8, #7db8f5);
  --bad: light-dark(#a8281c, #ff8d7e);
  --bad-soft: light-dark(#fcefed, #33201e);
  --warn: light-dark(#825300, #f0b957);
  --warn-soft: light-dark(#fdf4e3, #2f2718);
  --good: light-dark(#17693f, #6fd39d);
  --clean: light-dark(#a9b3bd, #56616d);
  --series-1: light-dark(#0b63b0, #63aef2);
  --series-2: light-dark(#b84a00, #ff9557);
  --series-3: light-dark(#00755a, #41c9a1);
  --series-4: light-dark(#95407f, #e294cc);
  --series-5: light-dark(#7a5f00, #dcb43c);
  --series-6: light-dark(#52606e, #b3bfcb);
}
:root:has(#theme-light:checked) { color-scheme: light; }
:root:has(#theme-dark:checked) { color-scheme: dark; }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-behavior: smooth; }
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", Arial, sans-serif;
  font-variant-numeric: tabular-nums;
}
.masthead, main, footer { max-width: 1120px; margin: 0 auto; padding: 0 28px; }
.masthead { display: flex; justify-content: space-between; align-items: center; padding-top: 22px; padding-bottom: 22px; gap: 16px; }
.brand { margin: 0; font-weight: 650; letter-spacing: -.01em; display: flex; align-items: center; gap: 9px; }
.brand span { font-weight: 400; color: var(--ink-soft); }
.emblem { width: 24px; fill: var(--ink); }
.themes { border: 1px solid var(--rule); border-radius: 8px; padding: 2px; margin: 0; display: flex; font-size: 13px; }
.themes input { position: absolute; opacity: 0; width: 1px; height: 1px; }
.themes label { padding: 3px 10px; border-radius: 6px; color: var(--ink-soft); cursor: pointer; }
.themes input:checked + label { background: var(--panel); color: var(--ink); font-weight: 600; }
.themes input:focus-visible + label { outline: 2px solid var(--link); outline-offset: 1px; }
h1 { font-size: clamp(30px, 5vw, 46px); line-height: 1.1; letter-spacing: -.025em; font-weight: 680; margin: 30px 0 10px; text-wrap: balance; overflow-wrap: anywhere; }
.byline { color: var(--ink-soft); margin: 0 0 44px; font-size: 15px; }
section { margin: 0 0 60px; }
h2 { font-size: 25px; line-height: 1.25; letter-spacing: -.015em; font-weight: 660; margin: 0 0 6px; overflow-wrap: anywhere; }
h3 { font-size: 17.500px; line-height: 1.35; font-weight: 640; margin: 38px 0 6px; }
h4 { font-size: 15px; margin: 0; font-weight: 640; }
p { margin: 0 0 10px; }
.lead { color: var(--ink-soft); max-width: 74ch; margin-bottom: 20px; }
.aside { color: var(--ink-soft); font-size: 14.500px; max-width: 80ch; margin-bottom: 14px; }
.facts { color: var(--ink-soft); font-size: 14.500px; margin-top: -8px; }
a { color: var(--link); text-underline-offset: 2px; overflow-wrap: anywhere; }
code { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; font-size: .9em; overflow-wrap: anywhere; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.mark { width: 11px; height: 11px; flex: none; }
.series-1 { --tone: var(--series-1); } .series-2 { --tone: var(--series-2); } .series-3 { --tone: var(--series-3); }
.series-4 { --tone: var(--series-4); } .series-5 { --tone: var(--series-5); } .series-6 { --tone: var(--series-6); }
.mark { fill: var(--tone); }
.sign { width: 1.05em; height: 1.05em; vertical-align: -.14em; fill: none; stroke: currentColor; stroke-width: 1.5; stroke-linecap: round; stroke-linejoin: round; }
.broken, .masked, .weak { --tone: var(--bad); } .dented, .unproven { --tone: var(--warn); } .standing { --tone: var(--good); } .untested { --tone: var(--ink-soft); }
.state { color: var(--tone); font-weight: 600; white-space: nowrap; }

.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 290px), 1fr)); gap: 20px; }
.card { background: var(--panel); border-radius: 12px; padding: 20px 22px 16px; display: flex; flex-direction: column; min-width: 0; }
.card .subject { margin: 0; font-size: 14.500px; overflow-wrap: anywhere; }
.card .subject a { color: var(--ink-soft); text-decoration: none; }
.card .subject a:hover { text-decoration: underline; }
.card h3 { margin: 4px 0 16px; font-size: 22px; letter-spacing: -.015em; color: var(--tone); }
.measures { display: grid; grid-template-columns: 1fr 1fr; gap: 18px; margin: 0 0 16px; }
.measures dt { font-size: 13px; color: var(--ink-soft); }
.measures dd { margin: 0; }
.measures .figure { font-size: 27px; font-weight: 640; letter-spacing: -.02em; line-height: 1.2; }
.figure { white-space: nowrap; }
.interval { display: block; font-size: 12.500px; line-height: 1.4; color: var(--ink-soft); font-weight: 400; }
.card .sentence { font-size: 15px; margin-bottom: 14px; }
.card .counts { margin: auto 0 0; font-size: 13.500px; color: var(--ink-soft); border-top: 1px solid var(--rule); padding-top: 10px; }
.bar { display: block; width: 100%; height: 6px; margin-top: 5px; }
.bar .track { fill: var(--rule); }
.bar .fill { fill: var(--clean); }
.bar.robust .fill { fill: var(--tone, var(--ink-soft)); }
.bar .whisker { fill: var(--ink); }
.bar .certified { fill: var(--good); } .bar .undecided, .bar .between { fill: var(--ink-faint); } .bar .between { fill-opacity: .4; }
.brackets .bar { min-width: 220px; height: 12px; }

.notices { list-style: none; margin: 0 0 14px; padding: 0; display: grid; gap: 14px; }
.notice { border-radius: 10px; padding: 16px 20px 12px; }
.notice h3 { margin: 0; }
.notice p { margin: 0 0 6px; max-width: 86ch; overflow-wrap: anywhere; }
.notice .where, .notice .reference { font-size: 14px; color: var(--ink-soft); }
.notice.warn { background: var(--warn-soft); } .notice.warn h3 { color: var(--warn); }
.notice.bad { background: var(--bad-soft); } .notice.bad h3, .notice.bad strong { color: var(--bad); }
div.notice { margin-bottom: 32px; }

.scroll { overflow-x: auto; margin: 0 0 20px; }
.scroll:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
table { border-collapse: collapse; width: 100%; font-size: 15px; line-height: 1.4; }
table.narrow { width: auto; }
caption { text-align: left; color: var(--ink-soft); font-size: 14px; padding: 12px 0 4px; }
th, td { text-align: left; vertical-align: top; padding: 9px 18px 9px 0; border-bottom: 1px solid var(--rule); font-weight: 400; }
th:last-child, td:last-child { padding-right: 0; }
thead th { white-space: normal; font-size: 13px; color: var(--ink-soft); vertical-align: bottom; border-bottom-color: var(--rule-strong); }
tbody th { font-weight: 600; }
.number { text-align: right; white-space: nowrap; }
.number + :not(.number) { padding-left: 22px; }
.absent { color: var(--ink-soft); } .absent.failed { color: var(--bad); font-weight: 600; }
.comparison th:first-child { width: 24%; }
.comparison thead th { font-size: 14.500px; color: var(--ink); font-weight: 600; overflow-wrap: anywhere; }
.comparison .figure { font-size: 16.500px; }
.comparison .bar { max-width: 190px; }
.comparison .clean .figure { color: var(--ink-soft); }
.strongest .figure { font-weight: 700; text-decoration: underline; text-decoration-thickness: 2px; text-underline-offset: 4px; }
tfoot th, tfoot td { font-size: 14.500px; color: var(--ink-soft); border-bottom: 0; padding-top: 5px; padding-bottom: 5px; }
tfoot tr:first-child > * { padding-top: 12px; }
.classes .bar { max-width: 150px; }
.classes td, .classes th { padding-top: 7px; padding-bottom: 7px; }

.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 330px), 1fr)); gap: 26px 24px; margin: 14px 0 20px; }
.model .charts { grid-template-columns: repeat(auto-fill, minmax(min(100%, 400px), 1fr)); }
figure { margin: 0; min-width: 0; }
.charts figcaption { font-size: 14.500px; font-weight: 600; margin-bottom: 2px; }
.chart { display: block; width: 100%; max-width: 470px; height: auto; font-size: 12.500px; overflow: visible; color: var(--ink-soft); }
.chart text { white-space: pre; }

.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 325px), 1fr)); gap: 22px 20px; margin-bottom: 20px; }
.specimen { background: var(--panel); border-radius: 12px; padding: 16px; }
.pair { display: grid; grid-template-columns: repeat(2, 1fr); gap: 10px; }
.triptych { display: grid; grid-template-columns: repeat(3, 1fr); gap: 10px; }
.panel { display: flex; flex-direction: column; font-size: 14px; line-height: 1.35; min-width: 0; }
.panel img { width: 100%; aspect-ratio: 1; object-fit: contain; image-rendering: pixelated; border-radius: 4px; margin-bottom: 7px; background: #808080; }
.panel .role, .panel .confidence { color: var(--ink-soft); font-size: 13px; }
.answer { font-weight: 650; font-size: 14.500px; line-height: 1.25; overflow-wrap: anywhere; hyphens: auto; }
.answer.wrong { color: var(--bad); }
.specimen figcaption { font-size: 13px; color: var(--ink-soft); margin-top: 10px; overflow-wrap: anywhere; }
.changes { font-size: 14px; margin-top: 8px; } .changes td, .changes th { padding-top: 4px; padding-bottom: 4px; }

.plain { margin: 0 0 20px; padding-left: 20px; } .plain li { margin-bottom: 4px; max-width: 86ch; overflow-wrap: anywhere; }
details { border-top: 1px solid var(--rule); } details + details { margin-top: 0; }
summary { cursor: pointer; padding: 11px 0; font-weight: 600; font-size: 15px; }
summary:focus-visible { outline: 2px solid var(--link); }
.model { border-top: 1px solid var(--rule-strong); padding-top: 34px; }
.methods { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 330px), 1fr)); gap: 26px 28px; padding: 8px 0 20px; }
.method { font-size: 14.500px; min-width: 0; } .method p { margin: 4px 0; }
.method h4 code { font-weight: 400; color: var(--ink-soft); }
.tags span { display: inline-block; font-size: 12.500px; border: 1px solid var(--rule); border-radius: 5px; padding: 0 6px; margin: 2px 2px 0 0; color: var(--ink-soft); }
.pairs { margin: 6px 0 16px; display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 250px), 1fr)); gap: 0 28px; font-size: 14.500px; }
.method .pairs, .pairs.wide { grid-template-columns: 1fr; }
.pairs div { display: flex; justify-content: space-between; gap: 14px; border-bottom: 1px solid var(--rule); padding: 4px 0; }
.pairs.wide div { justify-content: flex-start; } .pairs.wide dt { width: 76px; flex: none; }
.pairs dt { color: var(--ink-soft); } .pairs dd { margin: 0; text-align: right; min-width: 0; overflow-wrap: anywhere; }
.pairs.wide dd { text-align: left; }
pre { background: var(--panel); border-radius: 10px; padding: 15px 18px; overflow-x: auto; margin: 12px 0 16px; white-space: pre-wrap; }
.glossary { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 330px), 1fr)); gap: 18px 36px; margin: 14px 0 0; font-size: 14.500px; }
.glossary dt { font-weight: 640; } .glossary dd { margin: 0; color: var(--ink-soft); }
footer { color: var(--ink-soft); font-size: 13.500px; padding-top: 18px; padding-bottom: 40px; }

@media (max-width: 560px) {
  .masthead, main, footer { padding-left: 18px; padding-right: 18px; }
  section { margin-bottom: 46px; }
  th, td { padding-right: 12px; }
  table { font-size: 14.500px; }
  .comparison th:first-child { width: auto; }
}
@media print {
  :root, :root:has(#theme-dark:checked) { color-scheme: light; }
  body { font-size: 10.500pt; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  .masthead, main, footer { max-width: none; padding-left: 0; padding-right: 0; }
  .themes { display: none; }
  section { margin-bottom: 26pt; }
  h2, h3, .lead, .aside { break-after: avoid; }
  .card, .notice, figure, tr, .method, pre { break-inside: avoid; }
  .model { break-before: page; border-top: 0; padding-top: 0; }
  .scroll { overflow: visible; }
  details::details-content { content-visibility: visible; display: block; height: auto; }
  .cards { grid-template-columns: repeat(3, 1fr); gap: 10pt; }
  .charts, .model .charts, .gallery { grid-template-columns: repeat(2, 1fr); }
  a { color: inherit; }
}
`;
