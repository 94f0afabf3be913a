import type { AuditEvent, CheckReport, PlannedSubject } from "@casemate/audit";
import { expect, test } from "vitest";
import { consoleOf } from "../src/console.ts";
import { duration, ProgressView } from "../src/progress-view.ts";

const check = (id: string, ending: Partial<CheckReport> = {}): CheckReport => ({
  id,
  title: id.toUpperCase(),
  kind: "attack",
  status: "completed",
  citation: { text: "", url: "" },
  taxonomy: { owasp: [], atlas: [], nist: [] },
  parameters: {},
  seconds: 2,
  queries: { forward: 0, backward: 0 },
  metrics: [],
  warnings: [],
  ...ending,
});

const subject = (name: string, assumptions: readonly string[] = []): PlannedSubject => ({
  name,
  scan: { path: "", bytes: 0, formats: ["onnx"], verdict: "clean", findings: [] },
  model: {
    path: "",
    sha256: "",
    bytes: 0,
    irVersion: 8,
    opset: 17,
    producer: "",
    parameters: 0,
    inputs: [],
    outputs: [],
    operators: [],
  },
  data: { path: "", sha256: "", samples: 1, shape: [1] },
  contract: {},
  assumptions,
  checks: [
    { id: "a", title: "A", cost: 100 },
    { id: "b", title: "B", cost: 300 },
  ],
});

const started = (...subjects: readonly PlannedSubject[]): AuditEvent => ({
  type: "started",
  startedAt: "2026-01-01T00:00:00Z",
  settings: {
    profile: "quick",
    seed: 0,
    epsilons: [0.3],
    norm: "linf",
    device: "cpu",
    threads: 1,
    command: "",
    environment: { node: "", platform: "", onnxruntime: "" },
  },
  subjects,
});

/** A view on streams that are kept, with a clock that is set. */
function watch(isTTY: boolean, env: Record<string, string> = {}) {
  let text = "";
  let milliseconds = 0;
  const stderr = { isTTY, columns: 100, write: (part: string) => (text += part) };
  const view = new ProgressView(consoleOf({ stdout: { write: () => {} }, stderr, env }), () => milliseconds);
  return {
    show: (event: AuditEvent, at = milliseconds / 1000) => {
      milliseconds = at * 1000;
      text = "";
      view.show(event);
      return text;
    },
  };
}

const finished = (result: CheckReport, resumed = false): AuditEvent => ({
  type: "check-finished",
  subject: "m",
  result,
  resumed,
});
const progress = (id: string, fraction: number): AuditEvent => ({
  type: "progress",
  subject: "m",
  check: id,
  fraction,
  queries: 0,
});

test("off a terminal there is one line for each finished check, and no colour", () => {
  const { show } = watch(false);
  expect(show(started(subject("m")))).toBe("");
  expect(show(progress("a", 0.5))).toBe("");
  const accuracy = { name: "accuracy.robust", value: 0.5, unit: "proportion", count: 5, of: 10 } as const;
  const metrics = [{ ...accuracy, interval: { lower: 0.187, upper: 0.813, confidence: 0.95 } }];
  expect(show(finished(check("a", { metrics })))).toBe("done   m  A: 50.0% right [18.7%, 81.3%], 5 of 10 (2.0 s)\n");
});

test("a failed check says so and why, a resumed one where it is from, a warning what was seen", () => {
  const { show } = watch(false);
  show(started(subject("m")));
  expect(show(finished(check("a", { status: "failed", error: "no room" })))).toMatch(/^FAILED m {2}A: no room/);
  expect(show(finished(check("b"), true))).toContain("from the earlier run");
  const warnings = [{ id: "w", message: "seen", documentation: "" }];
  expect(show(finished(check("b", { warnings })))).toMatch(/warning seen\n$/);
});

test("what is assumed of all models is said once", () => {
  const { show } = watch(false);
  const text = show(started(subject("m", ["Both.", "One."]), subject("n", ["Both."])));
  expect(text).toBe("assumed Both.\nassumed m: One.\n");
});

test("on a terminal a bar shows the share of the work and the time that is left at the same pace", () => {
  const { show } = watch(true);
  show(started(subject("m")), 0);
  show(finished(check("a")), 10);
  // 100 of 400 units done in 10 s, then a third of 300 by 20 s: 200 left at 10 units a second
  const line = show(progress("b", 1 / 3), 20);
  expect(line).toContain("████████████░░░░░░░░░░░░ 2/2 m  B 33%  20s left");
});

test("checks of an earlier run are done but cost no time", () => {
  const { show } = watch(true);
  show(started(subject("m")), 0);
  show(finished(check("a"), true), 0);
  // 150 of 300 units in 15 s
  expect(show(progress("b", 0.5), 15)).toContain("15s left");
});

test("a line is never longer than the terminal is wide", () => {
  const { show } = watch(true);
  const long = { ...subject("m"), checks: [{ id: "a", title: "A".repeat(300), cost: 1 }] };
  show(started(long));
  expect(show(progress("a", 0.5)).replace("\r\u001b[2K", "")).toHaveLength(99);
});

test("NO_COLOR is honoured on a terminal", () => {
  const plain = watch(true, { NO_COLOR: "1" }).show(finished(check("a")));
  expect(plain).not.toContain("\u001b[3");
  expect(watch(true).show(finished(check("a")))).toContain("\u001b[32m");
});

test.each([
  [0.2, "1s"],
  [59, "59s"],
  [60, "1m 00s"],
  [185, "3m 05s"],
  [4800, "1h 20m"],
])("%d seconds are %s", (seconds, expected) => {
  expect(duration(seconds)).toBe(expected);
});
