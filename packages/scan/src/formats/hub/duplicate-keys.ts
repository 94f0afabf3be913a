const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/**
 * Keys that come twice in one object of a JSON text, of which JSON.parse keeps the last without a word. The text must be
 * valid JSON. Escaped forms of a key count as the same.
 */
export function duplicateKeys(text: string): ReadonlySet<string> {
  const twice = new Set<string>();
  const open: (Set<string> | undefined)[] = [];
  let isKey = false;
  for (let at = 0; at < text.length; at++) {
    switch (text[at]) {
      case "{":
        open.push(new Set());
        isKey = true;
        break;
      case "[":
        open.push(undefined);
        isKey = false;
        break;
      case "}":
      case "]":
        open.pop();
        isKey = false;
        break;
      case ",":
        isKey = open.at(-1) !== undefined;
        break;
      case '"': {
        const end = endOfString(text, at);
        const keys = open.at(-1);
        if (isKey && keys) {
          const key: string = JSON.parse(text.slice(at, end));
          if (keys.has(key)) twice.add(key);
          keys.add(key);
        }
        isKey = false;
        at = end - 1;
      }
    }
  }
  return twice;
}

function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text.charCodeAt(at) !== QUOTE) at += text.charCodeAt(at) === BACKSLASH ? 2 : 1;
  return at + 1;
}
