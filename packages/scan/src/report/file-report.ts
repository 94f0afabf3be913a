import type { Finding } from "../finding.ts";
import type { ScannedSource } from "../scan-source.ts";
import { type Suppression, suppressionOf } from "../suppressions.ts";
import { verdictOf } from "../verdict.ts";
import type { FileReport, FindingReport } from "./report.ts";

/** What a scan found in one file or folder, as a report has it; suppressed findings do not count. */
export function fileReportOf(
  { path, bytes }: { readonly path: string; readonly bytes: number },
  { sha256, formats, findings, inventory }: ScannedSource & { readonly sha256?: string },
  suppressions: readonly Suppression[],
  now: Date,
): FileReport {
  const reported = findings.map((finding) => findingReport(finding, suppressionOf(finding, sha256, suppressions, now)));
  return {
    path,
    bytes,
    ...(sha256 !== undefined && { sha256 }),
    formats,
    verdict: verdictOf(reported.filter(({ suppressed }) => !suppressed).map(({ severity }) => severity)),
    findings: reported,
    ...(inventory.length > 0 && { inventory }),
  };
}

function findingReport({ rule, place, evidence }: Finding, suppression: Suppression | undefined): FindingReport {
  const { id, title, severity, effect, owasp, atlas } = rule;
  return {
    rule: id,
    title,
    severity,
    ...place,
    evidence,
    effect,
    owasp,
    atlas,
    ...(suppression && { suppressed: { reason: suppression.reason, expires: suppression.expires } }),
  };
}
