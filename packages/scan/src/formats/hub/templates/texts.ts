import type { Tell } from "./escapes.ts";

const HIDDEN = /[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069]|[\u{e0000}-\u{e007f}]{2}/u;
const URL = /\b(?:https?|ftp|wss?|file|data):(?:\/\/|[a-z]{1,20}\/[a-z-]{1,20};base64)[^\s"'<>)\\]{1,200}/i;
const ENCODED = /[A-Za-z0-9+/]{120}|(?:\\?x[0-9a-f]{2}){40}|[0-9a-f]{160}/i;
const ORDERS = new RegExp(
  [
    "\\b(?:ignore|disregard|forget|override)\\b.{0,40}\\b(?:previous|prior|above|earlier|system|safety|all|user(?:'s)?)\\b.{0,40}\\b(?:instructions?|prompts?|rules?|guidelines?|policy|policies|requests?)\\b",
    "\\b(?:do not|don't|never)\\b.{0,30}\\b(?:tell|inform|reveal|mention|disclose|warn|alert)\\b.{0,40}\\b(?:users?|them|anyone|this|these instructions)\\b",
    "\\bwithout\\b.{0,20}\\b(?:telling|informing|alerting|warning|mentioning)\\b",
    "\\b(?:secretly|covertly|surreptitiously|silently)\\b.{0,60}",
    "\\bexfiltrat\\w{1,6}\\b",
    "\\b(?:always|must)\\b.{0,40}\\b(?:include|insert|add|append|embed|recommend|output|send|inject)\\b.{0,60}\\b(?:link|url|backdoor|vulnerabilit\\w{1,4}|malware|script tag|credentials?|passwords?|api keys?)\\b",
    "\\b(?:introduce|insert|add|write|generate)\\b.{0,40}\\b(?:backdoors?|vulnerabilit\\w{1,4}|insecure code|malicious code)\\b",
    "\\b(?:developer|dan|jailbreak|unrestricted|god) mode\\b",
    "\\b(?:no|without(?: any)?) (?:safety|ethical|content) (?:restrictions?|guidelines?|filters?)\\b",
    "\\bsystem override\\b",
    "<script\\b|\\bjavascript:",
    "\\b(?:curl|wget)\\b[^\\n|]{1,120}\\|\\s{0,3}(?:ba|z)?sh\\b",
  ].join("|"),
  "i",
);

/** Tells what a template's own words say: orders to the model, addresses, characters that nobody sees. */
export function checkTexts(texts: Iterable<string>, tell: Tell): void {
  for (const text of texts) {
    const [hidden] = HIDDEN.exec(text) ?? [];
    if (hidden !== undefined)
      tell("invisible", `U+${hidden.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}`);
    const [address] = URL.exec(text) ?? [];
    if (address !== undefined) tell("url", address);
    const [encoded] = ENCODED.exec(text) ?? [];
    if (encoded !== undefined) tell("encoded", `${encoded.slice(0, 40)}…`);
    const [order] = ORDERS.exec(text) ?? [];
    if (order !== undefined) tell("hidden-instruction", order);
  }
}
