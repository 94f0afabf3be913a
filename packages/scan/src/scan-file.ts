import { defaultLimits, type Limits } from "./limits.ts";
import { fileReportOf } from "./report/file-report.ts";
import type { FileReport } from "./report/report.ts";
import { scanSource } from "./scan-source.ts";
import { digestOf } from "./sources/digest.ts";
import { openFile } from "./sources/file-source.ts";

/**
 * Scans one file in this process, for a caller that is a process of its own already; large unpacked entries lie in `scratch`
 * meanwhile. Throws UNREADABLE.
 */
export async function scanFile(path: string, scratch: string, limits: Limits = defaultLimits): Promise<FileReport> {
  const file = openFile(path);
  try {
    const digest = limits.checksums ? { sha256: digestOf(file) } : {};
    const scanned = await scanSource(file, limits, scratch);
    return fileReportOf({ path, bytes: file.size }, { ...digest, ...scanned }, [], new Date());
  } finally {
    file.close();
  }
}
