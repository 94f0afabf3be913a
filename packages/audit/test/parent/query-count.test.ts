import { expect, test } from "vitest";
import type { AuditEvent } from "../../src/events.ts";
import { QueryCount } from "../../src/parent/query-count.ts";

const progress = (queries: number): AuditEvent => ({
  type: "progress",
  subject: "m",
  check: "c",
  fraction: 0,
  queries,
});
const finished = (forward: number, backward: number, resumed = false): AuditEvent => ({
  type: "check-finished",
  subject: "m",
  resumed,
  result: {
    id: "c",
    title: "c",
    kind: "attack",
    status: "completed",
    citation: { text: "", url: "" },
    taxonomy: { owasp: [], atlas: [], nist: [] },
    parameters: {},
    seconds: 0,
    queries: { forward, backward },
    metrics: [],
    warnings: [],
  },
});

test("running and finished checks are counted once each, resumed ones not at all", () => {
  const count = new QueryCount();
  expect(count.after(finished(1000, 0, true))).toBe(0);
  expect(count.after(progress(10))).toBe(10);
  expect(count.after(progress(25))).toBe(25);
  expect(count.after(finished(20, 10))).toBe(30);
  expect(count.after(progress(5))).toBe(35);
});
