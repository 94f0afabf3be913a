import type { JsonFormat } from "../../format.ts";
import { rulesOf } from "../../rule.ts";
import { isRecord } from "./walk-json.ts";

const RUNS_CODE = { atlas: ["AML.T0010", "AML.T0011"] };

const rules = rulesOf("notebook", {
  "fetch-and-run": {
    ...RUNS_CODE,
    title: "Fetches something and runs it",
    severity: "high",
    effect: "Running the cell runs whatever the address gives at that moment.",
  },
  "hidden-code": {
    ...RUNS_CODE,
    title: "Runs code that it decodes first",
    severity: "high",
    effect: "Running the cell runs code that a reader does not see.",
  },
  "reverse-shell": {
    ...RUNS_CODE,
    title: "Opens a shell to another machine",
    severity: "critical",
    effect: "Running the cell gives somebody else a shell.",
  },
  "active-output": {
    title: "Output with a script",
    severity: "medium",
    effect: "A viewer that trusts the notebook runs it when it is opened.",
  },
  shell: {
    title: "Runs commands of the shell",
    severity: "low",
    effect: "Running the cell runs the command.",
  },
});

/** Each on at most 4,000 characters of one line, so that none takes long. */
const PATTERNS: readonly (readonly [rule: keyof typeof rules, pattern: RegExp])[] = [
  ["reverse-shell", /\/dev\/tcp\/|\bnc\s+(?:-\w+\s+)*-e\b|\bpty\.spawn\(|\bos\.dup2\(|bash\s+-i\b/],
  [
    "fetch-and-run",
    /\b(?:curl|wget)\b[^|;]{0,300}\|\s*(?:sudo\s+)?(?:ba|z|da)?sh\b|\b(?:exec|eval)\(\s*(?:requests|urllib|urlopen)|\b(?:exec|eval)\([^)]{0,200}\.(?:text|content|read\(\))/,
  ],
  [
    "hidden-code",
    /\b(?:exec|eval|compile)\([^)]{0,200}(?:b64decode|fromhex|decompress|rot13|marshal)|\bmarshal\.loads\(|\bpickle\.loads\([^)]{0,100}b64decode/,
  ],
  [
    "shell",
    /^\s*(?:!(?!\s*(?:pip|conda|ls|cat|pwd|head|echo|mkdir|nvidia-smi)\b)|%%(?:bash|sh|script)\b|%(?:system|sx)\b)|\bos\.system\(|\bsubprocess\./,
  ],
];

/** Over the lines of a cell: something decoded or fetched, and something run. */
const RUNS = /(?<![.\w])(?:exec|eval)\s{0,20}\(/;
const DECODES = /\b(?:b64decode|b85decode|fromhex|unhexlify|marshal\.loads|zlib\.decompress)\b/;
const FETCHES = /\b(?:requests\.(?:get|post)|httpx\.get|urlopen|urlretrieve)\b/;
const ACTIVE = /<script\b|<iframe\b|\bon(?:error|load|click|mouseover|focus|toggle)\s{0,20}=|\bjavascript:/i;
const LONGEST_CELL = 2 ** 20;

/** Jupyter notebooks (nbformat 3 and 4): cells of code and what they put out. */
export const notebook: JsonFormat = {
  id: "notebook",
  title: "Jupyter notebook",
  rules,
  detect: (value) =>
    isRecord(value) && "nbformat" in value && (Array.isArray(value.cells) || Array.isArray(value.worksheets)),
  scan(value, _, context) {
    if (!isRecord(value)) return;
    const cells = [
      value.cells,
      ...(Array.isArray(value.worksheets) ? value.worksheets.map((sheet) => isRecord(sheet) && sheet.cells) : []),
    ]
      .flat()
      .filter(isRecord);
    for (const [index, cell] of cells.entries()) {
      const place = { part: `cell ${index + 1}` };
      if (cell.cell_type === "code") {
        const code = textOf(cell.source ?? cell.input).slice(0, LONGEST_CELL);
        if (RUNS.test(code) && DECODES.test(code))
          context.report(rules["hidden-code"], "runs what it has decoded", place);
        if (RUNS.test(code) && FETCHES.test(code))
          context.report(rules["fetch-and-run"], "runs what it has fetched", place);
        for (const line of textOf(cell.source ?? cell.input).split("\n")) {
          for (const [rule, pattern] of PATTERNS)
            if (pattern.test(line.slice(0, 4000))) context.report(rules[rule], line.trim().slice(0, 200), place);
        }
      }
      const [active] = cell.cell_type === "code" ? [] : (ACTIVE.exec(textOf(cell.source)) ?? []);
      if (active !== undefined) context.report(rules["active-output"], active, place);
      const outputs = Array.isArray(cell.outputs) ? cell.outputs.filter(isRecord) : [];
      for (const output of outputs) {
        const data = isRecord(output.data) ? output.data : output;
        const html = ["text/html", "image/svg+xml", "text/markdown", "html", "svg"]
          .map((type) => textOf(data[type]))
          .join("");
        if (ACTIVE.test(html) || "application/javascript" in data) {
          context.report(rules["active-output"], html.slice(0, 200) || "JavaScript", place);
        }
      }
    }
  },
};

function textOf(source: unknown): string {
  return Array.isArray(source) ? source.map(String).join("") : typeof source === "string" ? source : "";
}
