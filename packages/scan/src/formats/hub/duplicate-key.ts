/** The first key that an object of a JSON text has twice; undefined if none has. The text is one that JSON.parse takes. */
export function duplicateKey(text: string): string | undefined {
  const open: (Set<string> | undefined)[] = [];
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!;
    if (character === "{") open.push(new Set());
    else if (character === "[") open.push(undefined);
    else if (character === "}" || character === "]") open.pop();
    else if (character === '"') {
      const start = at;
      for (at++; text[at] !== '"' && at < text.length; at++) if (text[at] === "\\") at++;
      const keys = open.at(-1);
      let next = at + 1;
      while (" \t\r\n".includes(text[next] ?? "x")) next++;
      if (!keys || text[next] !== ":") continue;
      const key: string = JSON.parse(text.slice(start, at + 1));
      if (keys.has(key)) return key;
      keys.add(key);
    }
  }
  return undefined;
}
