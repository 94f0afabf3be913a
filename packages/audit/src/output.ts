import { join } from "node:path";
import { renderJunit } from "./junit.ts";
import type { AuditReport } from "./report.ts";
import { renderSarif } from "./sarif.ts";
import { prepareFolder, writeFileWhole } from "./write-file.ts";

/** Where each form of a report was written. */
export interface WrittenReports {
  readonly html: string;
  readonly json: string;
  readonly sarif: string;
  readonly junit: string;
}

/** Writes a report in all its forms to a folder. All are rendered before the first is written. Throws OUTPUT_NOT_WRITABLE. */
export async function writeReports(report: AuditReport, folder: string): Promise<WrittenReports> {
  const contents: Readonly<Record<string, string>> = {
    "report.html": await renderHtml(report),
    "report.json": json(report),
    "report.sarif": json(renderSarif(report)),
    "report.junit.xml": renderJunit(report),
  };
  await prepareFolder(folder);
  for (const [name, content] of Object.entries(contents)) await writeFileWhole(join(folder, name), content);
  const at = (name: string) => join(folder, name);
  return {
    html: at("report.html"),
    json: at("report.json"),
    sarif: at("report.sarif"),
    junit: at("report.junit.xml"),
  };
}

/** The report as one page that stands alone. What draws its charts is loaded now, since it takes longer than all else. */
export async function renderHtml(report: AuditReport): Promise<string> {
  const page = await import("./html/report-page.ts");
  return page.renderHtml(report);
}

function json(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
