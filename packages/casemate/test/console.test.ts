import { expect, test } from "vitest";
import { consoleOf } from "../src/console.ts";

function streams(isTTY: boolean, env: Record<string, string> = {}) {
  let out = "";
  let err = "";
  const console = consoleOf({
    stdout: { isTTY, write: (text) => (out += text) },
    stderr: { isTTY, write: (text) => (err += text) },
    env,
  });
  return { console, out: () => out, err: () => err };
}

test("names that steer a terminal are made harmless, colours and lines are kept", () => {
  const { console, out } = streams(true);
  console.print(`${console.printPaint.red("no")}\t1\nevil\u001b]0;title\u0007 \u001b[2J \u009b31m\r`);
  expect(out()).toBe("\u001b[31mno\u001b[39m\t1\nevil\ufffd]0;title\ufffd \ufffd[2J \ufffd31m\ufffd\n");
});

test("off a terminal nothing is drawn and nothing is coloured", () => {
  const { console, err } = streams(false);
  console.draw("bar");
  console.error(console.paint.red("plain"));
  expect(err()).toBe("plain\n");
});

test("a line replaces the bar that is drawn", () => {
  const { console, err } = streams(true);
  console.draw("bar");
  console.error("line");
  expect(err()).toBe("\r\u001b[2Kbar\r\u001b[2Kline\n");
});

test.each([
  ["NO_COLOR", "1"],
  ["TERM", "dumb"],
])("%s=%s takes the colours away", (name, value) => {
  expect(streams(true, { [name]: value }).console.printPaint.green("plain")).toBe("plain");
});

test("an empty NO_COLOR says nothing, as its definition has it", () => {
  expect(streams(true, { NO_COLOR: "" }).console.paint.bold("bold")).toBe("\u001b[1mbold\u001b[22m");
});
