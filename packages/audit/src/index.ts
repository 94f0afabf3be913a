export { type AttestOptions, attestAudit, attestScan } from "./attest.ts";
export { audit, type InProcessOptions } from "./audit.ts";
export { type CertificationReport, type CertifyEvent, type CertifyOptions, certifyModel } from "./certify-model.ts";
export { checkContract } from "./check-contract.ts";
export type { AttackRow } from "./checks/attacks/attack-row.ts";
export { attackRows } from "./checks/attacks/index.ts";
export { parseContract } from "./contract.ts";
export { draftContractFor } from "./contract-file.ts";
export {
  type DetectEvent,
  type DetectedModel,
  type DetectionReport,
  type DetectModelOptions,
  detectModel,
} from "./detect-model.ts";
export { type ContractDraft, draftContract } from "./draft-contract.ts";
export { AuditError, type AuditErrorCode } from "./errors.ts";
export type { AuditEvent, PlannedCheck, PlannedSubject } from "./events.ts";
export { evaluateGate, type Gate, parseGate } from "./gate.ts";
export { partitionChart, radiusChart } from "./html/certified-chart.ts";
export { trainingChart } from "./html/training-chart.ts";
export { boundsOf, mutableMask } from "./input-bounds.ts";
export { inspectModel } from "./inspect-model.ts";
export { renderJunit } from "./junit.ts";
export type { Accuracy, PairedAccuracy } from "./measure-robustness.ts";
export type { ArchitectureName, NewNetwork } from "./new-network.ts";
export type { AuditOptions, SubjectSpec } from "./options.ts";
export { renderHtml, type WrittenReports, writeReports } from "./output.ts";
export { auditInChild, type ChildOptions } from "./parent/audit-in-child.ts";
export {
  type PartitionedModel,
  type PartitionModelEvent,
  type PartitionModelOptions,
  type PartitionReport,
  partitionModel,
} from "./partition-model.ts";
export { type PatchEvent, type PatchOptions, type PatchReport, patchCertificates } from "./patch-certificates.ts";
export { plannedRows } from "./plan.ts";
export { type ProbeEvent, type ProbeOptions, probe } from "./probe.ts";
export type { ProbedAttack, ProbeReport } from "./probe-report.ts";
export { AuditReport, type CheckReport, type ModelReport, type SubjectReport } from "./report.ts";
export { renderSarif } from "./sarif.ts";
export { Contract } from "./schemas/contract.ts";
export { GateFile } from "./schemas/gate.ts";
export { violationOf } from "./schemas/validate.ts";
export {
  type ServedSmoothingOptions,
  type SmoothEvent,
  type SmoothingReport,
  type SmoothOptions,
  smoothedFile,
  smoothModel,
} from "./smooth-model.ts";
export {
  type TrainedModel,
  type TrainingReport,
  type TrainModelEvent,
  trainModel,
} from "./train-model.ts";
export type { TrainModelOptions } from "./training-options.ts";
export { attestTraining, TrainingProvenance } from "./training-provenance.ts";
export { NORMS, type Verdict, verdictOf } from "./verdict.ts";
export { version } from "./version.ts";
export { type WrapModelOptions, type WrappedModel, wrapModel } from "./wrap-model.ts";
export { prepareFolder, writeFileWhole } from "./write-file.ts";
