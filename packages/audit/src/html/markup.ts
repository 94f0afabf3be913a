/** Text that is HTML already. Only `html` and `trusted` make it, so nothing that was read from a report can pose as it. */
export class Markup {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  toString(): string {
    return this.#text;
  }
}

export type Content = string | number | Markup | undefined | false | readonly Content[];

/** A piece of a page: everything put into it is escaped, for text and for quoted attributes, unless it is Markup. */
export function html(strings: TemplateStringsArray, ...values: readonly Content[]): Markup {
  return new Markup(strings.map((text, i) => (i === 0 ? text : render(values[i - 1]) + text)).join(""));
}

/** Declares text to be safe HTML: a constant of ours, or the output of a serialiser that escapes. */
export function trusted(text: string): Markup {
  return new Markup(text);
}

function render(content: Content): string {
  if (content instanceof Markup) return content.toString();
  if (Array.isArray(content)) return content.map(render).join("");
  if (content === undefined || content === false) return "";
  return String(content).replace(/[&<>"'`]/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** A link where the address is one of the web, else the words alone. */
export function link(address: string, words: string): Markup {
  return /^https?:\/\//i.test(address) ? html`<a href="${address}" rel="noreferrer">${words}</a>` : html`${words}`;
}
