import type { scanPaths } from "@casemate/scan";
import type { Registry, ScanOutcome } from "./registry.ts";

/** Looks at folders by `@casemate/scan`: nothing in them is loaded. */
export const scannerBy =
  (scan: typeof scanPaths): Registry["scan"] =>
  async (folder) => {
    const events = scan([folder]);
    let next = await events.next();
    while (!next.done) next = await events.next();
    const { verdict, files, tool, startedAt, finishedAt } = next.value;
    const findings = files.flatMap((file) =>
      file.findings.map((finding) => ({ ...finding, path: file.path.slice(folder.length + 1) })),
    );
    const counts = new Map<string, ScanOutcome["findings"][number]>();
    for (const { rule, severity } of findings)
      counts.set(rule, { rule, severity, count: (counts.get(rule)?.count ?? 0) + 1 });
    const worst =
      findings.find(({ severity }) => severity === "critical" || severity === "unscannable") ??
      findings.find(({ severity }) => severity === "high");
    return {
      verdict,
      findings: [...counts.values()],
      ...(worst === undefined ? {} : { worst: `${worst.path}: ${worst.title}: ${worst.evidence}` }),
      tool,
      startedAt,
      finishedAt,
    };
  };
