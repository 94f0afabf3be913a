import { ScanError } from "../../errors.ts";
import type { Format, JsonFormat, ScanContext } from "../../format.ts";
import { rulesOf } from "../../rule.ts";
import type { Source } from "../../sources/source.ts";
import { isRecord, nodesIn } from "../hub/walk-json.ts";

const rules = rulesOf("boosted-trees", {
  "odd-text": {
    title: "Text that is no part of a model",
    severity: "medium",
    effect: "A program that uses the attribute may decode or run it.",
  },
  size: {
    title: "Lengths that the file cannot hold",
    severity: "high",
    effect: "A loader that trusts them allocates or reads beyond its memory.",
  },
});

const ODD = /\b(?:eval|exec|__import__|os\.system|subprocess)\b|^gASV|^Y(?:29z|3Bvc2l4)|https?:\/\/|<script/;

/** XGBoost models as JSON (XGBoost, doc/model.schema). */
export const xgboostJson: JsonFormat = {
  id: "xgboost",
  title: "XGBoost model",
  rules,
  detect: (value) => isRecord(value) && isRecord(value.learner) && "version" in value,
  scan(value, _, context) {
    for (const { path, value: inner } of nodesIn(value)) {
      if (typeof inner === "string" && ODD.test(inner))
        context.report(rules["odd-text"], inner.slice(0, 200), { part: path });
    }
  },
};

/** XGBoost models as UBJSON (https://ubjson.org), which its newer versions write. */
export const xgboostBinary: Format = {
  id: "xgboost-ubj",
  title: "XGBoost model",
  rules,
  detect: (head) =>
    head[0] === 0x7b &&
    (head[1] === 0x4c || head[1] === 0x69 || head[1] === 0x6c) &&
    Buffer.from(head.subarray(0, 400)).includes("learner"),
  scan: (source, context) => walkUbjson(source, context),
};

const WIDTHS: Readonly<Record<string, number>> = {
  Z: 0,
  N: 0,
  T: 0,
  F: 0,
  i: 1,
  U: 1,
  I: 2,
  l: 4,
  L: 8,
  d: 4,
  D: 8,
  C: 1,
};
const DEEPEST = 64;
const VALUES_AT_MOST = 50_000_000;

/** Steps over every value, so that no length goes unchecked. */
function walkUbjson(source: Source, context: ScanContext): void {
  let at = 0;
  let steps = 0;
  const byte = (): number => {
    const [value] = source.read(at, 1);
    if (value === undefined) throw new ScanError("MALFORMED", `byte ${at}: the data breaks off`);
    at++;
    return value;
  };
  const skip = (bytes: number): void => {
    if (!(bytes >= 0) || at + bytes > source.size) {
      context.report(rules.size, `${bytes} bytes at byte ${at} of ${source.size}`, { offset: at });
      throw new ScanError("MALFORMED", `byte ${at}: ${bytes} bytes go beyond the end`);
    }
    at += bytes;
  };
  const length = (): number => {
    const type = String.fromCharCode(byte());
    const width = "iUIlL".includes(type) ? WIDTHS[type]! : undefined;
    if (width === undefined) throw new ScanError("MALFORMED", `byte ${at}: expected a length`);
    const start = at;
    skip(width);
    let value = 0;
    for (const each of source.read(start, width)) value = value * 256 + each;
    return value;
  };
  const text = (bytes: number): void => {
    const start = at;
    skip(bytes);
    const found = Buffer.from(source.read(start, Math.min(bytes, 65_536))).toString("utf8");
    if (ODD.test(found)) context.report(rules["odd-text"], found.slice(0, 200), { offset: start });
  };
  const value = (type: string, depth: number): void => {
    if (++steps > VALUES_AT_MOST) throw new ScanError("LIMIT_EXCEEDED", `more than ${VALUES_AT_MOST} values`);
    if (depth > DEEPEST) throw new ScanError("LIMIT_EXCEEDED", `nested more than ${DEEPEST} deep`);
    const width = WIDTHS[type];
    if (width !== undefined) skip(width);
    else if (type === "S" || type === "H") text(length());
    else if (type === "[" || type === "{") container(type, depth);
    else throw new ScanError("MALFORMED", `byte ${at}: a value of the type '${type}'`);
  };
  const container = (open: string, depth: number): void => {
    let type: string | undefined;
    let count: number | undefined;
    let next = String.fromCharCode(byte());
    if (next === "$") {
      type = String.fromCharCode(byte());
      next = String.fromCharCode(byte());
    }
    if (next === "#") {
      count = length();
      const width = type === undefined ? undefined : WIDTHS[type];
      if (count > source.size || (open === "[" && width !== undefined)) {
        skip((width ?? 1) * count);
        return;
      }
    } else at--;
    for (let each = 0; count === undefined || each < count; each++) {
      if (count === undefined && source.read(at, 1)[0] === (open === "[" ? 0x5d : 0x7d)) {
        at++;
        return;
      }
      if (open === "{") text(length());
      value(type ?? String.fromCharCode(byte()), depth + 1);
    }
  };
  value(String.fromCharCode(byte()), 0);
}

/** CatBoost models: "CBM1", a length, a flatbuffer. */
export const catBoost: Format = {
  id: "catboost",
  title: "CatBoost model",
  rules,
  detect: (head) => Buffer.from(head.subarray(0, 4)).toString("latin1") === "CBM1",
  scan(source, context) {
    const start = Buffer.from(source.read(4, 4));
    if (start.length < 4) throw new ScanError("MALFORMED", "CatBoost: cut off within the header");
    const length = start.readUInt32LE(0);
    if (8 + length > source.size) {
      context.report(rules.size, `a model of ${length} bytes in a file of ${source.size}`);
      throw new ScanError("MALFORMED", "CatBoost: cut off within the model");
    }
  },
};
