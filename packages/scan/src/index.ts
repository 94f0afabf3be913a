export type { DependencyOptions } from "./dependencies/dependencies.ts";
export { ScanError, type ScanErrorCode } from "./errors.ts";
export { defaultLimits, type Limits } from "./limits.ts";
export type { FileReport, FindingReport, ScanReport } from "./report/report.ts";
export { type ScanEvent, type ScanOptions, scanPaths } from "./scan-paths.ts";
export type { Suppression } from "./suppressions.ts";
export type { Verdict } from "./verdict.ts";
