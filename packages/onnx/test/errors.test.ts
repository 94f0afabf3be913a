import { expect, test } from "vitest";
import { OnnxError } from "../src/errors.ts";

test("a name from the model can neither steer the terminal nor turn the text around", () => {
  expect(new OnnxError("MALFORMED_MODEL", "node '\u001b[2Jé\u202e\u0000': got\nnothing").message).toBe(
    "node '\\u{1b}[2Jé\\u{202e}\\u{0}': got\nnothing",
  );
});

test("a message has an end", () => {
  expect(new OnnxError("MALFORMED_MODEL", "x".repeat(100_000)).message.length).toBeLessThan(5000);
});
