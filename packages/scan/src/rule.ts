/**
 * How much a finding weighs. "critical" makes a file malicious; "high" and "medium" make it suspicious; "low" and "info"
 * leave its verdict alone; "unscannable" says that something could not be looked at.
 */
export type Severity = "critical" | "high" | "medium" | "low" | "info" | "unscannable";

/** One thing that a scan looks for. Each format brings its own; ids are stable. */
export interface Rule {
  /** "pickle/dangerous-call": the format, then what was found. */
  readonly id: string;
  readonly title: string;
  readonly severity: Severity;
  /** What would happen if the file were used: one sentence. */
  readonly effect: string;
  /** Of the OWASP Machine Learning Security Top Ten, such as "ML06:2023". */
  readonly owasp: readonly string[];
  /** Of MITRE ATLAS, such as "AML.T0010". */
  readonly atlas: readonly string[];
}

/** Rules of one format, by their names. */
export function rulesOf<Name extends string>(
  format: string,
  rules: Readonly<Record<Name, Omit<Rule, "id" | "owasp" | "atlas"> & Partial<Pick<Rule, "owasp" | "atlas">>>>,
): Readonly<Record<Name, Rule>> {
  const entries = Object.entries<Omit<Rule, "id" | "owasp" | "atlas"> & Partial<Rule>>(rules).map(([name, rule]) => [
    name,
    { owasp: SUPPLY_CHAIN.owasp, atlas: SUPPLY_CHAIN.atlas, ...rule, id: `${format}/${name}` },
  ]);
  return Object.fromEntries(entries);
}

/** AI supply chain attacks; ML supply chain compromise. */
const SUPPLY_CHAIN = { owasp: ["ML06:2023"], atlas: ["AML.T0010"] };
