import { RegistryError } from "../../errors.ts";

export type Entity = "attribute" | "metric" | "param" | "tag" | "dataset";
export type Operator = "=" | "!=" | ">" | ">=" | "<" | "<=" | "LIKE" | "ILIKE" | "IN" | "NOT IN";

/** One comparison of a filter; a filter is all of them together. */
export interface Clause {
  readonly entity: Entity;
  readonly key: string;
  readonly operator: Operator;
  readonly value: string | number | readonly string[];
  /** Where it begins in the text, from 0. */
  readonly position: number;
}

/** What a kind of search can be filtered and ordered by. */
export interface Grammar {
  readonly attributes: Readonly<Record<string, "string" | "number">>;
  /** Other words for attributes, such as `created`. */
  readonly aliases?: Readonly<Record<string, string>>;
  readonly entities: readonly Entity[];
  /** Attributes that IN and NOT IN can be asked of. */
  readonly lists: readonly string[];
}

const MAXIMUM_LENGTH = 10_000;
const MAXIMUM_CLAUSES = 100;
const MAXIMUM_LIST = 1000;
const MAXIMUM_PATTERN = 1000;

/**
 * Reads MLflow's filter language: `metrics.loss < 0.3 AND tags."team" = 'red'`. There is no OR and there are no parentheses but
 * around lists. Throws INVALID, in MLflow's words where it has any.
 */
export function parseFilter(text: string, grammar: Grammar): readonly Clause[] {
  if (text.length > MAXIMUM_LENGTH)
    throw invalid(`Invalid filter: expected at most ${MAXIMUM_LENGTH} characters, got ${text.length}`);
  const tokens = tokensOf(text);
  const clauses: Clause[] = [];
  let at = 0;
  while (at < tokens.length) {
    if (clauses.length > 0) {
      if (!isWord(tokens[at], "AND")) throw invalidClause(text, tokens[at]);
      at++;
    }
    const [clause, next] = clauseAt(text, tokens, at, grammar);
    clauses.push(clause);
    if (clauses.length > MAXIMUM_CLAUSES)
      throw invalid(`Invalid filter: expected at most ${MAXIMUM_CLAUSES} comparisons`);
    at = next;
  }
  return clauses;
}

interface Token {
  readonly type: "name" | "string" | "number" | "sign";
  readonly text: string;
  readonly position: number;
}

const WORD = "[\\p{L}_][\\p{L}\\p{M}\\p{N}_]*";
const patterns: readonly (readonly [Token["type"], RegExp])[] = [
  // a word, or one in backticks; after a dot also dots and double quotes
  ["name", new RegExp(`(?:${WORD}|\`[^\`]*\`)(?:\\.(?:[\\p{L}\\p{M}\\p{N}_.]+|\`[^\`]*\`|"[^"]*"))?`, "uy")],
  ["string", /'(?:[^']|'')*'|"(?:[^"]|"")*"/uy],
  ["number", /[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?![\p{L}\p{N}_.])/uy],
  ["sign", />=|<=|!=|=|<|>|\(|\)|,/uy],
];

function tokensOf(text: string): readonly Token[] {
  const tokens: Token[] = [];
  let position = 0;
  const space = /\s*/uy;
  for (;;) {
    space.lastIndex = position;
    space.exec(text);
    position = space.lastIndex;
    if (position >= text.length) return tokens;
    const found = patterns.map(([type, pattern]): Token | undefined => {
      pattern.lastIndex = position;
      const match = pattern.exec(text);
      return match === null ? undefined : { type, text: match[0], position };
    });
    const token = found.find((each) => each !== undefined);
    if (token === undefined) throw invalidClause(text, { type: "sign", text: text.slice(position), position });
    tokens.push(token);
    position += token.text.length;
  }
}

function clauseAt(text: string, tokens: readonly Token[], at: number, grammar: Grammar): readonly [Clause, number] {
  const name = tokens[at];
  if (name?.type !== "name") throw invalidClause(text, name);
  const [operator, afterOperator] = operatorAt(text, tokens, at + 1);
  const { entity, key } = identifierOf(name.text, grammar);
  const clause = { entity, key, operator, position: name.position };
  const kind = kindOf(entity, key, grammar);
  if (!operatorsOf[kind].includes(operator))
    throw invalid(`Invalid comparator '${operator}' not one of '${operatorsOf[kind].join("', '")}'`);
  if (operator === "IN" || operator === "NOT IN") {
    if (entity !== "dataset" && !(entity === "attribute" && grammar.lists.includes(key)))
      throw invalid(
        `Only the ${quoted(grammar.lists)} attributes support comparison with a list of quoted string values, got ${key}`,
      );
    const [value, next] = listAt(text, tokens, afterOperator);
    return [{ ...clause, value }, next];
  }
  return [{ ...clause, value: operandOf(tokens[afterOperator], kind, clause) }, afterOperator + 1];
}

function operatorAt(text: string, tokens: readonly Token[], at: number): readonly [Operator, number] {
  const token = tokens[at];
  if (token?.type === "sign" && /[<>=]/.test(token.text)) return [token.text as Operator, at + 1];
  for (const word of ["LIKE", "ILIKE", "IN"] as const) if (isWord(token, word)) return [word, at + 1];
  if (isWord(token, "NOT") && isWord(tokens[at + 1], "IN")) return ["NOT IN", at + 2];
  throw invalidClause(text, token ?? tokens[at - 1]);
}

function listAt(text: string, tokens: readonly Token[], at: number): readonly [readonly string[], number] {
  if (tokens[at]?.text !== "(") throw invalidClause(text, tokens[at]);
  const values: string[] = [];
  for (let next = at + 1; ; next += 2) {
    const token = tokens[next];
    if (token?.type !== "string")
      throw invalid("While parsing a list in the query, expected a non-empty list of quoted string values");
    values.push(stringOf(token));
    if (values.length > MAXIMUM_LIST) throw invalid(`Invalid filter: expected lists of at most ${MAXIMUM_LIST} values`);
    if (tokens[next + 1]?.text === ")") return [values, next + 2];
    if (tokens[next + 1]?.text !== ",") throw invalidClause(text, tokens[next + 1]);
  }
}

function operandOf(
  token: Token | undefined,
  kind: Kind,
  { entity, operator }: Pick<Clause, "entity" | "operator">,
): string | number {
  if (kind === "number") {
    const number = Number(token?.text);
    if (token?.type === "number" && Number.isFinite(number)) return number;
    throw invalid(`Expected numeric value type for ${entity}. Found ${token?.text ?? "nothing"}`);
  }
  if (token?.type !== "string")
    throw invalid(`Expected a quoted string value for ${entity} (e.g. 'my-value'). Got value ${token?.text ?? ""}`);
  const value = stringOf(token);
  if ((operator === "LIKE" || operator === "ILIKE") && value.length > MAXIMUM_PATTERN)
    throw invalid(`Invalid filter: expected a pattern of at most ${MAXIMUM_PATTERN} characters`);
  return value;
}

const entityNames: Readonly<Record<string, Entity>> = {
  metric: "metric",
  metrics: "metric",
  parameter: "param",
  parameters: "param",
  param: "param",
  params: "param",
  tag: "tag",
  tags: "tag",
  attribute: "attribute",
  attributes: "attribute",
  attr: "attribute",
  run: "attribute",
  dataset: "dataset",
  datasets: "dataset",
};
const datasetKeys = ["name", "digest", "context"];

/** What `tags.team`, `tags."a b"` or `start_time` names. Throws INVALID for what this kind of search does not know. */
export function identifierOf(
  text: string,
  { attributes, aliases = {}, entities }: Grammar,
): { readonly entity: Entity; readonly key: string } {
  const dot = text.startsWith("`") ? text.indexOf(".", text.indexOf("`", 1)) : text.indexOf(".");
  const prefix = dot < 0 ? "attribute" : unquoted(text.slice(0, dot));
  const entity = Object.hasOwn(entityNames, prefix) ? entityNames[prefix]! : undefined;
  if (entity === undefined || !entities.includes(entity))
    throw invalid(`Invalid entity type '${prefix}'. Valid values are ${quoted(entities)}`);
  const given = unquoted(text.slice(dot + 1));
  const key = entity === "attribute" && Object.hasOwn(aliases, given) ? aliases[given]! : given;
  if (entity === "attribute" && !Object.hasOwn(attributes, key))
    throw dot < 0
      ? invalid(`Invalid clause(s) in filter string: ${key}. Valid attributes are ${quoted(Object.keys(attributes))}`)
      : invalid(`Invalid attribute key '${key}' specified. Valid keys are ${quoted(Object.keys(attributes))}`);
  if (entity === "dataset" && !datasetKeys.includes(key))
    throw invalid(`Invalid dataset key '${key}' specified. Valid keys are ${quoted(datasetKeys)}`);
  return { entity, key };
}

type Kind = "number" | "string" | "listed";

const comparisons: readonly Operator[] = [">", ">=", "!=", "=", "<", "<="];
const operatorsOf: Readonly<Record<Kind, readonly Operator[]>> = {
  number: comparisons,
  string: ["=", "!=", "LIKE", "ILIKE"],
  listed: ["=", "!=", "LIKE", "ILIKE", "IN", "NOT IN"],
};

function kindOf(entity: Entity, key: string, { attributes }: Grammar): Kind {
  if (entity === "metric" || (entity === "attribute" && attributes[key] === "number")) return "number";
  return entity === "attribute" || entity === "dataset" ? "listed" : "string";
}

function unquoted(text: string): string {
  return /^(?:`.*`|".*")$/su.test(text) ? text.slice(1, -1) : text;
}

function stringOf({ text }: Token): string {
  const quote = text[0]!;
  return text.slice(1, -1).replaceAll(quote + quote, quote);
}

function isWord(token: Token | undefined, word: string): boolean {
  return token?.type === "name" && token.text.toUpperCase() === word;
}

function quoted(names: readonly string[]): string {
  return `[${names.map((name) => `'${name}'`).join(", ")}]`;
}

function invalidClause(text: string, token: Token | undefined): RegistryError {
  const position = token?.position ?? text.length;
  const rest = token === undefined ? "the text ends" : text.slice(position, position + 60);
  return invalid(`Invalid clause(s) in filter string: ${rest} (at ${position})`);
}

function invalid(message: string): RegistryError {
  return new RegistryError("INVALID", message);
}
