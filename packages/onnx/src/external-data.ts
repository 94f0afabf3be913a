import { realpathSync, statSync } from "node:fs";
import { isAbsolute, posix, relative, resolve, sep, win32 } from "node:path";
import { OnnxError } from "./errors.ts";
import type { StringStringEntryProto } from "./generated/onnx-ml_pb.ts";
import type { InitializerData } from "./model.ts";

/** Files that a model's external data lies in, by location as written. Each is looked at once. */
export type ExternalFiles = Map<string, { readonly path: string; readonly size: number }>;

/**
 * Where a tensor's external bytes are. Refuses a location that is absolute, leaves `folder` by name or by symbolic link,
 * or is no regular file (UNSAFE_PATH), and a range that the file does not have (MALFORMED_MODEL).
 */
export function locateExternalData(
  entries: readonly StringStringEntryProto[],
  byteLength: number,
  folder: string | undefined,
  files: ExternalFiles,
  where: string,
): InitializerData & { type: "file" } {
  const values = new Map(entries.map(({ key, value }) => [key, value]));
  if (values.size !== entries.length) {
    throw new OnnxError("MALFORMED_MODEL", `${where}: expected each external data key once, got one twice`);
  }
  const location = values.get("location") ?? "";
  const offset = readSize(values.get("offset"), 0, `${where}, offset`);
  const length = readSize(values.get("length"), byteLength, `${where}, length`);
  if (length !== byteLength) {
    throw new OnnxError(
      "MALFORMED_MODEL",
      `${where}: expected ${byteLength} bytes of external data, got length ${length}`,
    );
  }
  const file = files.get(location) ?? openLocation(location, folder, where);
  files.set(location, file);
  if (offset + length > file.size) {
    throw new OnnxError(
      "MALFORMED_MODEL",
      `${where}: expected bytes ${offset} to ${offset + length} of '${location}', got a file of ${file.size} bytes`,
    );
  }
  return { type: "file", path: file.path, offset, length };
}

/** Whether `path` lies in `folder`; both absolute and free of symbolic links. */
export function isInside(folder: string, path: string): boolean {
  const rest = relative(folder, path);
  return rest !== "" && rest !== ".." && !rest.startsWith(`..${sep}`) && !isAbsolute(rest);
}

function openLocation(location: string, folder: string | undefined, where: string): { path: string; size: number } {
  const quoted = JSON.stringify(location);
  if (folder === undefined) {
    throw new OnnxError(
      "UNSAFE_PATH",
      `${where}: expected a model in a folder for external data ${quoted}, got bytes alone`,
    );
  }
  if (location === "" || location.includes("\0") || posix.isAbsolute(location) || win32.isAbsolute(location)) {
    throw new OnnxError("UNSAFE_PATH", `${where}: expected a relative path to external data, got ${quoted}`);
  }
  const outside = new OnnxError(
    "UNSAFE_PATH",
    `${where}: expected external data inside the model's folder, got ${quoted}`,
  );
  const named = resolve(folder, location);
  if (!isInside(folder, named)) {
    throw outside; // before the file system is asked, so that nothing outside can be probed
  }
  let path: string;
  try {
    path = realpathSync(named);
  } catch (cause) {
    throw new OnnxError("UNREADABLE_FILE", `${where}: expected external data in ${quoted}, got no such file`, {
      cause,
    });
  }
  if (!isInside(folder, path)) {
    throw outside;
  }
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats?.isFile()) {
    throw new OnnxError("UNSAFE_PATH", `${where}: expected a regular file, got ${quoted}`);
  }
  return { path, size: stats.size };
}

function readSize(text: string | undefined, absent: number, where: string): number {
  if (text === undefined) {
    return absent;
  }
  const value = Number(text);
  if (!/^\d{1,16}$/.test(text) || !Number.isSafeInteger(value)) {
    throw new OnnxError("MALFORMED_MODEL", `${where}: expected a whole number of bytes, got ${JSON.stringify(text)}`);
  }
  return value;
}
