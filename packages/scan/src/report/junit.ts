import type { FileReport, ScanReport } from "./report.ts";

/** The report as JUnit XML: a case for each file. A malicious or suspicious file is a failure, one that could not be scanned an error. */
export function renderScanJunit({ files, startedAt }: ScanReport): string {
  const count = (type: "failure" | "error") => files.filter((file) => problemOf(file)?.type === type).length;
  const totals = `tests="${files.length}" failures="${count("failure")}" errors="${count("error")}" skipped="0"`;
  const cases = files.map(caseOf).join("\n");
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="casemate scan" ${totals}>\n<testsuite name="scan" timestamp="${escaped(startedAt)}" ${totals}>\n${cases}\n</testsuite>\n</testsuites>\n`;
}

function caseOf(file: FileReport): string {
  const attributes = `classname="scan" name="${escaped(file.path)}" time="0"`;
  const problem = problemOf(file);
  if (!problem) return `<testcase ${attributes}/>`;
  return `<testcase ${attributes}><${problem.type} message="${escaped(file.verdict)}">${escaped(problem.text)}</${problem.type}></testcase>`;
}

function problemOf({
  verdict,
  findings,
}: FileReport): { readonly type: "failure" | "error"; readonly text: string } | undefined {
  if (verdict === "clean") return undefined;
  const text = findings
    .filter(({ suppressed, severity }) => !suppressed && severity !== "info" && severity !== "low")
    .map(({ rule, entry, evidence }) => `${rule}${entry === undefined ? "" : ` [${entry}]`}: ${evidence}`)
    .join("\n");
  return { type: verdict === "unscannable" ? "error" : "failure", text };
}

/** Text as XML has it; what XML cannot hold at all becomes a replacement character. */
function escaped(text: string): string {
  return text
    .replace(/[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, "\ufffd")
    .replace(/[<>&"]/g, (character) => ({ "<": "&lt;", ">": "&gt;", "&": "&amp;", '"': "&quot;" })[character]!);
}
