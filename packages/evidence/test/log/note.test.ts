import { expect, test } from "vitest";
import { parseNoteKey, verifyNote } from "../../src/log/note.ts";
import { tilePath, tileWidth } from "../../src/log/tiles.ts";

/** The example of https://c2sp.org/signed-note. */
const vkey = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const note = `This is an example message.

— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
`;

test("the example of the specification verifies", () => {
  expect(verifyNote(note, [parseNoteKey(vkey)]).text).toBe("This is an example message.\n");
});

test.each([
  ["another text", note.replace("This", "That"), "does not verify"],
  ["another name", note.replace("— example.com/foo", "— example.com/bar"), "expected a signature of example.com/foo"],
  ["no empty line", note.replace("\n\n", "\n"), "expected an empty line"],
  ["no newline at the end", note.trimEnd(), "expected a newline"],
])("%s is refused", (_, text, message) => {
  expect(() => verifyNote(text, [parseNoteKey(vkey)])).toThrow(message);
});

test.each([
  [vkey.replace("530d903a", "530d903b"), "a hash that fits"],
  [vkey.replace("+A", "+B"), "a key of type 1 or 4"],
  ["nonsense", "expected a verifier key"],
])("the key %s is refused", (text, message) => {
  expect(() => parseNoteKey(text)).toThrow(message);
});

test("a tree of 70,000 has the tiles that C2SP's tlog-tiles says", () => {
  expect([272, 273, 274].map((index) => tileWidth(0, index, 70_000))).toEqual([256, 112, 0]);
  expect([0, 1, 2].map((index) => tileWidth(1, index, 70_000))).toEqual([256, 17, 0]);
  expect([0, 1].map((index) => tileWidth(2, index, 70_000))).toEqual([1, 0]);
  expect([0, 1].map((level) => tileWidth(level, 0, 256))).toEqual([256, 1]);
  expect(tilePath(0, 1_234_067)).toBe("tile/0/x001/x234/067");
  expect(tilePath("entries", 0, 5)).toBe("tile/entries/000.p/5");
});
