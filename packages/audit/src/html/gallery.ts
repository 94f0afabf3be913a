import type { GalleryItem } from "../report.ts";
import { percent } from "../verdict.ts";
import { short } from "./figures.ts";
import { html, type Markup } from "./markup.ts";

/**
 * Samples before and after, as pictures or as the features that changed. Shows as many as fit into `budget` characters of
 * picture data and says how many it left out.
 */
export function gallery(items: readonly GalleryItem[], budget: number): Markup | undefined {
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
<p class="aside">The original, what was added to it, and the result. Mid grey in the middle picture is no change; its scale stands below it.${omitted > 0 && ` ${omitted} more in report.json.`}</p>
<div class="gallery">${shown.map(entry)}</div>`;
}

function entry(item: GalleryItem): Markup {
  const { sample, check, label, original, adversarial, perturbation, changes } = item;
  return html`<figure class="specimen">
<div class="triptych">
${panel(original.image, `Sample ${sample}, class ${label}`, "original", original)}
${panel(perturbation.image, `What ${check} added to sample ${sample}`, "added")}
${panel(adversarial.image, `Sample ${sample} after ${check}, taken for ${adversarial.prediction}`, "attacked", adversarial, adversarial.prediction !== label)}
</div>
${changes && changes.length > 0 && changesTable(changes)}
<figcaption>Sample ${sample}, a ${label} · ${check} · distance ${short(perturbation.distance)}${perturbation.scale !== undefined && ` · grey scale ±${short(perturbation.scale)}`}</figcaption>
</figure>`;
}

function panel(
  image: string | undefined,
  alternative: string,
  title: string,
  answer?: GalleryItem["original"],
  isWrong = false,
): Markup | undefined {
  if (!isPicture(image) && !answer) return undefined;
  return html`<div class="panel">${isPicture(image) && html`<img src="${image}" alt="${alternative}">`}<span class="role">${title}</span>${
    answer &&
    html`<span class="answer${isWrong && " wrong"}">${isWrong && html`<span class="unseen">wrong: </span>✕ `}${answer.prediction}</span><span class="confidence">${percent(answer.confidence)}</span>`
  }</div>`;
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
