export {
  type DataDifference,
  DataManifest,
  type ManifestOptions,
  manifestOf,
  verifyManifest,
} from "./data/manifest.ts";
export type { DependencyOptions } from "./dependencies/dependencies.ts";
export { diffModels, type ModelDifference, type NodeDifference, type TensorDifference } from "./diff/diff-models.ts";
export { ScanError, type ScanErrorCode } from "./errors.ts";
export { defaultLimits, type Limits } from "./limits.ts";
export { type BomDataset, renderCycloneDx } from "./report/cyclonedx.ts";
export { renderScanJunit } from "./report/junit.ts";
export { FileReport, type FindingReport, ScanReport } from "./report/report.ts";
export { renderScanSarif } from "./report/sarif.ts";
export { uriOf } from "./report/uri.ts";
export { scanFile } from "./scan-file.ts";
export { type ScanEvent, type ScanOptions, scanPaths } from "./scan-paths.ts";
export { parseSuppressions, type Suppression } from "./suppressions.ts";
export type { Verdict } from "./verdict.ts";
