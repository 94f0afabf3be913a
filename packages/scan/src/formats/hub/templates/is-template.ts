const LOOKED_AT = 2 ** 20;
const STATEMENT =
  /\{%[-+]?\s{0,100}(?:if|for|set|macro|include|import|from|extends|generation|raw|with|filter|call|block|do|print)\b/;
const OF_A_CHAT =
  /\b(?:messages?|content|bos_token|eos_token|add_generation_prompt|raise_exception|strftime_now|__\w{2,30}__)\b/;
const REACHES =
  /\{\{(?:(?!\}\}).){0,400}?(?:__\w{2,30}__|\|\s{0,20}attr\b|\b(?:cycler|joiner|lipsum|namespace|self|request)\s{0,5}[.(|])/s;

/**
 * Whether a text is a Jinja template: by its tags, and the names that chats give their parts. What begins with a tag is one,
 * whatever it says; a README with a template in a fence is none.
 */
export function isTemplate(content: string): boolean {
  const text = content.slice(0, LOOKED_AT);
  if (!text.includes("{%") && !text.includes("{{")) return false;
  if (/^\s{0,1000}\{\{py:/.test(text)) return false; // Tempita, which Cython's sources are written in
  if (/^\s{0,1000}(?:\{%|\{\{|\{#)/.test(text)) return true;
  if (/^(?:`{3}|~{3})/m.test(text)) return false;
  return (STATEMENT.test(text) && OF_A_CHAT.test(text)) || REACHES.test(text);
}
