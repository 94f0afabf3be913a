export {
  type Bundle,
  bundleOf,
  parseBundle,
  type VerificationMaterial,
} from "./bundles/bundle.ts";
export { parseCertificates, readCertificates, verifyCertificateChain } from "./bundles/certificates.ts";
export { type KeylessIdentity, type PinnedRoot, parseTrustedRoot } from "./bundles/keyless.ts";
export {
  type SignedBy,
  type Trust,
  type VerifiedBundle,
  verifyAttestation,
  verifyBundle,
} from "./bundles/verify-bundle.ts";
export { canonicalJson } from "./canonical-json.ts";
export {
  type Envelope,
  preAuthenticationEncoding,
  signEnvelope,
  type VerifiedPayload,
  type VerifyEnvelopeOptions,
  verifyEnvelope,
} from "./dsse/envelope.ts";
export { EvidenceError, type EvidenceErrorCode } from "./errors.ts";
export type { GateDecision, GateLine, LineStatus } from "./gate/decision.ts";
export { evaluateGate } from "./gate/evaluate.ts";
export { type ExhibitProof, exhibitOf } from "./gate/exhibit.ts";
export type { Exhibit, GateContext, GateSubject } from "./gate/judge.ts";
export { GatePolicy, type MetricRule, parseGatePolicy, type Requirement } from "./gate/policy.ts";
export { renderGateSarif } from "./gate/sarif.ts";
export { type GateSubjectOptions, readGateSubject, rootDigestOf } from "./gate/subject.ts";
export { parseJson } from "./json.ts";
export { keyAlgorithms } from "./keys/algorithms.ts";
export {
  addKey,
  type KeyPeriod,
  KeyRing,
  type KeyTrust,
  type KeyUse,
  parseKeyRing,
  type RingKey,
  type RotateOptions,
  revokeKey,
  rotateKey,
  trustedAt,
} from "./keys/key-ring.ts";
export {
  generateKey,
  type PrivateKeyOptions,
  signerFromEnvironment,
  signerFromFile,
  signerFromPem,
} from "./keys/private-key.ts";
export { isSignedBy, parsePublicKey, publicKeyOf, readPublicKey } from "./keys/public-key.ts";
export type { KeyAlgorithm, PublicKey, Signer } from "./keys/signer.ts";
export { type SignerCommandOptions, signerFromCommand } from "./keys/signer-command.ts";
export { askWitness, type SubmitToWitness } from "./log/ask-witness.ts";
export { type Checkpoint, parseCheckpoint, signCheckpoint, verifyCheckpoint } from "./log/checkpoint.ts";
export { copyLog } from "./log/copy-log.ts";
export { type Cosignature, mergeSignatures, verifyCosignatures } from "./log/cosignature.ts";
export {
  type LogPolicy,
  parseLogPolicy,
  type Quorum,
  verifyWitnessed,
  type WitnessedCheckpoint,
} from "./log/log-policy.ts";
export { leafHash, verifyConsistency, verifyInclusion } from "./log/merkle.ts";
export { type NoteKey, noteKeyOf, parseNote, parseNoteKey, verifyNote } from "./log/note.ts";
export { type LogOptions, openLog, type TransparencyLog } from "./log/open-log.ts";
export { formatProof, type LogProof, parseProof, verifyProof, verifyWitnessedProof } from "./log/proof.ts";
export {
  readCheckpoint,
  readLogEntries,
  type VerifiedLog,
  type VerifyLogOptions,
  verifyLog,
} from "./log/verify-log.ts";
export { openWitness, type Witness, type WitnessAnswer, type WitnessOptions } from "./log/witness.ts";
export { submitTo, witnessHandler } from "./log/witness-http.ts";
export type { HashOptions } from "./model-signing/hash-files.ts";
export type { HashEvent } from "./model-signing/hash-model.ts";
export { type ListOptions, listFiles, type ModelFile, type ModelFiles } from "./model-signing/list-files.ts";
export {
  type HashAlgorithm,
  hashAlgorithms,
  type ModelManifest,
  type ModelResource,
  manifestIn,
  modelPredicateType,
  type Serialization,
} from "./model-signing/manifest.ts";
export { pathsWithin, type SignedModel, type SignModelOptions, signModel } from "./model-signing/sign-model.ts";
export {
  type ModelDifference,
  type ModelVerdict,
  resultOf,
  type VerifyModelOptions,
  verifyModel,
} from "./model-signing/verify-model.ts";
export {
  assertConsistent,
  type EvidenceMetric,
  type EvidenceRecord,
  type EvidenceThreshold,
  meetsThreshold,
  parametersWithDigest,
} from "./statements/evidence-record.ts";
export {
  type Attestation,
  attestationIn,
  attestationOf,
  type PredicateKind,
  type PredicateOf,
  predicateKinds,
  predicates,
  trainingBuildType,
} from "./statements/predicates.ts";
export {
  digestOf,
  parseStatement,
  type Resource,
  Statement,
  type Subject,
  type SubjectRole,
  signStatement,
  statementOf,
  statementPayloadType,
  statementType,
  subjectOf,
  verifyStatement,
} from "./statements/statement.ts";
