import type { Format } from "../../format.ts";
import { rulesOf } from "../../rule.ts";
import { chunks } from "../../sources/source.ts";
import { reportSecrets } from "./secrets.ts";
import { isText } from "./text.ts";

const rules = rulesOf("xml", {
  entity: {
    title: "Entity from a file or an address",
    severity: "critical",
    effect: "A parser that resolves entities reads the file, or fetches the address, into the document.",
  },
  expansion: {
    title: "Entities that a document defines itself",
    severity: "high",
    effect: "A parser that expands them can be exhausted.",
    atlas: ["AML.T0029"],
  },
  stylesheet: {
    title: "Stylesheet or inclusion of another document",
    severity: "high",
    effect: "A parser that follows it reads or runs another document.",
  },
  library: {
    title: "Library that the model asks for",
    severity: "high",
    effect: "A runtime that follows it loads a shared library.",
    atlas: ["AML.T0010", "AML.T0011"],
  },
  path: {
    title: "File outside of the model's folder",
    severity: "high",
    effect: "Loading the model reads a file elsewhere on the machine.",
  },
  script: {
    title: "Script within a model",
    severity: "high",
    effect: "A program that evaluates the element runs it.",
    atlas: ["AML.T0010", "AML.T0011"],
  },
  extension: {
    title: "Extension elements",
    severity: "low",
    effect: "What they mean is up to the program that wrote them.",
  },
});

/** Looked for in the text itself, as a parser could be led astray by what is looked for. Each is bounded. */
const PATTERNS: readonly (readonly [rule: keyof typeof rules, pattern: RegExp])[] = [
  ["entity", /<!(?:ENTITY|DOCTYPE)\s[^>]{0,400}\b(?:SYSTEM|PUBLIC)\s+["'](?!(?:-\/\/W3C|about:legacy))[^>]{0,300}>?/i],
  ["expansion", /<!ENTITY\s[^>]{0,300}>?/i],
  ["stylesheet", /<\?xml-stylesheet\b[^>]{0,200}|<xi:include\b[^>]{0,200}|<xsl:[a-z-]{1,30}\b[^>]{0,100}/i],
  ["library", /\b(?:library|extension_library|plugin)\s*=\s*["'][^"']{1,200}\.(?:so|dll|dylib)\b[^"']{0,40}["']/i],
  ["path", /\b(?:source|path|file|location|bin)\s*=\s*["'](?:\/|[A-Za-z]:|\.\.[\\/])[^"']{0,200}["']/i],
  ["script", /<(?:script|Script|MiningBuildTask|javascript)\b[^>]{0,200}>/],
  ["extension", /<Extension\b[^>]{0,200}/],
];

const OVERLAP = 1024;

/** XML: PMML, OpenVINO and others. Nothing is resolved, and no document type is read. */
export const xml: Format = {
  id: "xml",
  title: "XML",
  rules,
  detect: (head) =>
    /^\ufeff?\s*<(\?xml|!DOCTYPE\s+(?!html)|!ENTITY|PMML\b|net\b|[A-Za-z][\w:.-]*[\s>/])/i.test(
      Buffer.from(head).toString("utf8"),
    ) &&
    !/^\s*<(!doctype\s+html|html)\b/i.test(Buffer.from(head).toString("utf8")) &&
    isText(head),
  scan(source, context) {
    reportSecrets(source, context);
    let rest = "";
    for (const chunk of chunks(source)) {
      const text = rest + Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length).toString("utf8");
      for (const [rule, pattern] of PATTERNS) {
        const found = pattern.exec(text);
        if (found) context.report(rules[rule], found[0].slice(0, 200));
      }
      rest = text.slice(-OVERLAP);
    }
  },
};
