import { OP } from "./opcodes.ts";
import type { Window } from "./window.ts";

/** The text that the opcode at an offset pushes, as far as `longest` bytes; undefined if it pushes none. */
export function textOf(window: Window, offset: number, longest: number): string | undefined {
  const head = new Uint8Array(window.peek(offset, 9));
  const view = new DataView(head.buffer);
  switch (head[0]) {
    case OP.SHORT_BINUNICODE:
    case OP.SHORT_BINSTRING:
    case OP.SHORT_BINBYTES:
      return window.text(offset + 2, Math.min(head[1]!, longest));
    case OP.BINUNICODE:
    case OP.BINSTRING:
    case OP.BINBYTES:
      return window.text(offset + 5, Math.min(view.getUint32(1, true), longest));
    case OP.BINUNICODE8:
    case OP.BINBYTES8:
    case OP.BYTEARRAY8:
      return window.text(offset + 9, Math.min(Number(view.getBigUint64(1, true)), longest));
    case OP.UNICODE:
      return unescaped(window.text(offset + 1, Math.min(window.lineEnd(offset + 1) - offset - 1, longest)));
    case OP.STRING:
      return unescaped(
        window
          .text(offset + 1, Math.min(window.lineEnd(offset + 1) - offset - 1, longest))
          .trim()
          .slice(1, -1),
      );
    default:
      return undefined;
  }
}

/** With the escapes of Python's string and raw-unicode-escape literals undone. */
function unescaped(text: string): string {
  return text.replace(
    /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{1,3})|(.))/g,
    (whole, x, u, long, octal, other) => {
      const digits = x ?? u ?? long;
      const code =
        digits !== undefined
          ? Number.parseInt(digits, 16)
          : octal !== undefined
            ? Number.parseInt(octal, 8)
            : undefined;
      if (code !== undefined) return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
      return other === "n" ? "\n" : other === "t" ? "\t" : other === "r" ? "\r" : other;
    },
  );
}
