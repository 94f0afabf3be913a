// Writes the published schemas from their definitions: npm run build && npm run schemas -w @casemate/audit
import { writeFileSync } from "node:fs";
import { AuditReport } from "../dist/report.js";
import { Contract } from "../dist/schemas/contract.js";
import { GateFile } from "../dist/schemas/gate.js";

const $schema = "http://json-schema.org/draft-07/schema#";

for (const [name, schema] of Object.entries({ "audit-report": AuditReport, contract: Contract, gate: GateFile })) {
  writeFileSync(new URL(`${name}.json`, import.meta.url), `${JSON.stringify({ $schema, ...schema }, null, 2)}\n`);
}
