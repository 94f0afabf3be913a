import type { CheckReport, GalleryItem, SubjectReport } from "../report.ts";
import { percent, threat } from "../verdict.ts";
import { short } from "./figures.ts";
import { type Content, html, type Markup } from "./markup.ts";

/**
 * Samples before and after, as pictures or as the features that changed. Shows as many as fit into `budget` characters of
 * picture data and says how many it left out.
 */
export function gallery({ gallery: items, checks }: SubjectReport, budget: number): Markup | undefined {
  if (items.length === 0) return undefined;
  const shown: GalleryItem[] = [];
  let left = budget;
  for (const item of items) {
    left -= weightOf(item);
    if (left < 0) break;
    shown.push(item);
  }
  const omitted = items.length - shown.length;
  return html`
<h3>Before and after</h3>
<p class="aside">${isPicture(items[0]?.perturbation.image) ? "The original, what was added to it, and the result. Mid grey in the middle picture is no change; below it stands the change that black and white are." : "The answer before and after, and the features that changed most."}${omitted > 0 && ` ${omitted} more in report.json.`}</p>
<div class="gallery">${shown.map((item) =>
    entry(
      item,
      checks.find(({ id }) => id === item.check),
    ),
  )}</div>`;
}

function entry(item: GalleryItem, check: CheckReport | undefined): Markup {
  const { sample, label, original, adversarial, perturbation, changes } = item;
  const attack = check?.title ?? item.check;
  const distance = check?.attack
    ? threat({ norm: check.attack.norm, epsilon: perturbation.distance })
    : `distance ${short(perturbation.distance)}`;
  const scale = perturbation.scale === undefined ? undefined : `±${short(perturbation.scale)}`;
  return html`<figure class="specimen">
<div class="${isPicture(perturbation.image) ? "triptych" : "pair"}">
${panel({ image: original.image, alternative: `Sample ${sample}, class ${label}`, title: "original" }, answer(original, label))}
${isPicture(perturbation.image) && panel({ image: perturbation.image, alternative: `What ${attack} added to sample ${sample}`, title: "added" }, scale && html`<span class="confidence">${scale}</span>`)}
${panel({ image: adversarial.image, alternative: `Sample ${sample} after ${attack}`, title: "attacked" }, answer(adversarial, label))}
</div>
${changes && changes.length > 0 && changesTable(changes)}
<figcaption>Sample ${sample}, class ${label} · ${attack} · ${distance}</figcaption>
</figure>`;
}

interface Panel {
  readonly image: string | undefined;
  readonly alternative: string;
  readonly title: string;
}

function panel({ image, alternative, title }: Panel, below: Content): Markup {
  return html`<div class="panel">${isPicture(image) && html`<img src="${image}" alt="${alternative}">`}<span class="role">${title}</span>${below}</div>`;
}

function answer({ prediction, confidence }: GalleryItem["original"], label: string): Markup {
  const isWrong = prediction !== label;
  return html`<span class="answer${isWrong && " wrong"}">${isWrong && html`<span class="unseen">wrong: </span><span aria-hidden="true">✕ </span>`}${prediction}</span><span class="confidence">${percent(confidence)}</span>`;
}

function changesTable(changes: NonNullable<GalleryItem["changes"]>): Markup {
  return html`<table class="changes"><thead><tr><th scope="col">Feature</th><th scope="col" class="number">From</th><th scope="col" class="number">To</th></tr></thead><tbody>${changes.map(
    ({ feature, from, to }) =>
      html`<tr><th scope="row">${feature}</th><td class="number">${short(from)}</td><td class="number">${short(to)}</td></tr>`,
  )}</tbody></table>`;
}

/** Only PNG data: a report from elsewhere must not make a reader's browser load or run anything. */
function isPicture(image: string | undefined): image is string {
  return image !== undefined && /^data:image\/png;base64,[A-Za-z0-9+/]+={0,2}$/.test(image);
}

function weightOf({ original, adversarial, perturbation }: GalleryItem): number {
  return [original, adversarial, perturbation].reduce((sum, { image }) => sum + (image?.length ?? 0), 0);
}
