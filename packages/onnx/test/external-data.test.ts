import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { initializerTensor } from "../src/initializer.ts";
import { type ParseOptions, parseModel } from "../src/read.ts";
import { float32, modelBytes, rawFloats } from "./model-bytes.ts";

let folder = "";
beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "casemate-read-")));
});
afterAll(() => rm(folder, { recursive: true }));

describe("external data", () => {
  beforeAll(async () => {
    await mkdir(join(folder, "model/weights"), { recursive: true });
    await writeFile(join(folder, "model/weights/w.bin"), rawFloats(1, 2, 3));
    await writeFile(join(folder, "outside.bin"), rawFloats(4, 5));
    await symlink(join(folder, "outside.bin"), join(folder, "model/link.bin"));
    await symlink(folder, join(folder, "model/up"));
    await symlink("weights/w.bin", join(folder, "model/inner.bin"));
  });
  const parse = (location: string, fields: Readonly<Record<string, string>> = {}, options?: ParseOptions) => {
    const externalData = Object.entries({ location, ...fields }).map(([key, value]) => ({ key, value }));
    const bytes = modelBytes({ initializer: [float32("w", [2], { dataLocation: 1, externalData })] });
    return parseModel(bytes, options ?? { folder: join(folder, "model") });
  };

  test.each([
    ["weights/w.bin", { offset: "4", length: "8" }, [2, 3]],
    ["weights/w.bin", {}, [1, 2]],
    ["./weights/../weights/w.bin", { offset: "0" }, [1, 2]],
    ["inner.bin", { offset: "4" }, [2, 3]],
  ])("at %s %o is read when asked for", (location, fields, expected) => {
    const weight = parse(location, fields).graph.initializers.get("w");
    expect(weight?.data.type).toBe("file");
    expect(weight && Array.from(initializerTensor(weight).data as Float32Array)).toEqual(expected);
  });

  test.each([
    ["a parent folder", "../outside.bin", {}, "UNSAFE_PATH"],
    ["an absolute path", "/etc/passwd", {}, "UNSAFE_PATH"],
    ["an absolute path of Windows", "C:\\secret", {}, "UNSAFE_PATH"],
    ["a link out of the folder", "link.bin", {}, "UNSAFE_PATH"],
    ["a linked folder out of the folder", "up/outside.bin", {}, "UNSAFE_PATH"],
    ["a folder", "weights", {}, "UNSAFE_PATH"],
    ["the folder itself", ".", {}, "UNSAFE_PATH"],
    ["an empty location", "", {}, "UNSAFE_PATH"],
    ["a NUL in the name", "weights/w.bin\0", {}, "UNSAFE_PATH"],
    ["a file that is not there", "none.bin", {}, "UNREADABLE_FILE"],
    ["a range beyond the file", "weights/w.bin", { offset: "8" }, "MALFORMED_MODEL"],
    ["a length that is not the tensor's", "weights/w.bin", { length: "4" }, "MALFORMED_MODEL"],
    ["a negative offset", "weights/w.bin", { offset: "-4" }, "MALFORMED_MODEL"],
    ["an offset beyond whole numbers", "weights/w.bin", { offset: "99999999999999999999" }, "MALFORMED_MODEL"],
    ["an offset in another notation", "weights/w.bin", { offset: "0x4" }, "MALFORMED_MODEL"],
  ])("in %s is refused", (_, location, fields, code) => {
    expect(() => parse(location, fields)).toThrow(expect.objectContaining({ name: "OnnxError", code }));
  });

  test("of a model that came as bytes is refused", () => {
    expect(() => parse("weights/w.bin", {}, {})).toThrow(expect.objectContaining({ code: "UNSAFE_PATH" }));
  });
});
