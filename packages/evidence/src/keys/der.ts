/** An ECDSA signature in DER from r and s side by side, as PKCS#11 and some key services give it. */
export function derFromRaw(raw: Uint8Array): Buffer {
  const half = raw.length / 2;
  const body = Buffer.concat([integer(raw.subarray(0, half)), integer(raw.subarray(half))]);
  return Buffer.concat([Buffer.from([0x30]), length(body.length), body]);
}

/** Without leading zeros, and with one where the first bit would be taken for a sign. */
function integer(bytes: Uint8Array): Buffer {
  const first = bytes.findIndex((byte) => byte !== 0);
  const digits = first === -1 ? Uint8Array.of(0) : bytes.subarray(first);
  const padded = digits[0]! >= 0x80 ? Buffer.concat([Uint8Array.of(0), digits]) : digits;
  return Buffer.concat([Buffer.from([0x02]), length(padded.length), padded]);
}

function length(bytes: number): Buffer {
  return bytes < 0x80 ? Buffer.from([bytes]) : Buffer.from([0x81, bytes]); // at most 139 for P-521
}
