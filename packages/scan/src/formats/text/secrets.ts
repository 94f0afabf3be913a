import type { ScanContext } from "../../format.ts";
import { rulesOf } from "../../rule.ts";
import { chunks, type Source } from "../../sources/source.ts";

export const secretRules = rulesOf("secret", {
  "private-key": {
    title: "Private key",
    severity: "high",
    effect: "Whoever has the file can sign or sign in with the key.",
    owasp: [],
    atlas: ["AML.T0055"],
  },
  token: {
    title: "Access token",
    severity: "high",
    effect: "Whoever has the file can use the service in the owner's name.",
    owasp: [],
    atlas: ["AML.T0055"],
  },
  password: {
    title: "Password in a setting",
    severity: "low",
    effect: "Whoever has the file may be able to sign in.",
    owasp: [],
    atlas: ["AML.T0055"],
  },
});

interface Pattern {
  readonly rule: keyof typeof secretRules;
  readonly name: string;
  readonly pattern: RegExp;
}

/** What the issuers say that their tokens look like; each has a prefix of its own and is bounded in length. */
const PATTERNS: readonly Pattern[] = [
  { rule: "private-key", name: "private key", pattern: /-----BEGIN (?:[A-Z]{2,12} ){0,2}PRIVATE KEY(?: BLOCK)?-----/g },
  { rule: "token", name: "AWS access key", pattern: /\b(?:AKIA|ASIA)[A-Z2-7]{16}\b/g },
  {
    rule: "token",
    name: "GitHub token",
    pattern: /\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{60,100})\b/g,
  },
  { rule: "token", name: "GitLab token", pattern: /\bglpat-[A-Za-z0-9_-]{20}\b/g },
  { rule: "token", name: "Hugging Face token", pattern: /\bhf_[A-Za-z]{34}\b/g },
  { rule: "token", name: "OpenAI key", pattern: /\bsk-(?:proj-|svcacct-)?[A-Za-z0-9_-]{40,200}\b/g },
  { rule: "token", name: "Anthropic key", pattern: /\bsk-ant-[A-Za-z0-9_-]{30,150}\b/g },
  { rule: "token", name: "Google API key", pattern: /\bAIza[A-Za-z0-9_-]{35}\b/g },
  { rule: "token", name: "Slack token", pattern: /\bxox[abeoprs]-[A-Za-z0-9-]{20,100}\b/g },
  { rule: "token", name: "npm token", pattern: /\bnpm_[A-Za-z0-9]{36}\b/g },
  { rule: "token", name: "PyPI token", pattern: /\bpypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50,200}/g },
  { rule: "token", name: "Stripe key", pattern: /\b[sr]k_live_[A-Za-z0-9]{24,100}\b/g },
  { rule: "token", name: "Azure storage key", pattern: /\bAccountKey=[A-Za-z0-9+/]{86}==/g },
  {
    rule: "password",
    name: "password",
    pattern: /\b(?:password|passwd|secret_key|api_key)["']?\s{0,3}[:=]\s{0,3}["'][^"'\s<>{}$]{8,80}["']/gi,
  },
];

const CHUNK_BYTES = 2 ** 20;
const OVERLAP = 256;
const SHOWN = 8;

/** Reports keys, tokens and passwords in a text, of any length. Of each, only the beginning is shown. */
export function reportSecrets(source: Source, context: ScanContext): void {
  let rest = "";
  let offset = 0;
  for (const chunk of chunks(source, CHUNK_BYTES)) {
    const text = rest + Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length).toString("latin1");
    for (const { rule, name, pattern } of PATTERNS) {
      for (const { 0: found, index } of text.matchAll(pattern)) {
        const shown = rule === "private-key" ? found : `${found.slice(0, SHOWN)}…`;
        context.report(secretRules[rule], `${name}: ${shown}`, { offset: offset - rest.length + index });
      }
    }
    offset += chunk.length;
    rest = text.slice(-OVERLAP);
  }
}
