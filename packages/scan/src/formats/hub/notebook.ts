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
        for (const line of textOf(cell.source ?? cell.input).split("\n")) {
          for (const [rule, pattern] of PATTERNS)
            if (pattern.test(line.slice(0, 4000))) context.report(rules[rule], line.trim().slice(0, 200), place);
        }
      }
      const outputs = Array.isArray(cell.outputs) ? cell.outputs.filter(isRecord) : [];
      for (const output of outputs) {
        const data = isRecord(output.data) ? output.data : output;
        const html = textOf(data["text/html"] ?? data.html);
        if (/<script\b|\bon\w{3,20}\s*=|javascript:/i.test(html) || "application/javascript" in data) {
          context.report(rules["active-output"], html.slice(0, 200) || "JavaScript", place);
        }
      }
    }
  },
};

function textOf(source: unknown): string {
  return Array.isArray(source) ? source.map(String).join("") : typeof source === "string" ? source : "";
}
