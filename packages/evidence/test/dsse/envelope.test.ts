import { createPublicKey, generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { preAuthenticationEncoding, signEnvelope, verifyEnvelope } from "../../src/dsse/envelope.ts";
import { EvidenceError } from "../../src/errors.ts";
import { signerFromPem } from "../../src/keys/private-key.ts";
import { publicKeyOf } from "../../src/keys/public-key.ts";

const signer = (curve?: string) => {
  const { privateKey } = curve ? generateKeyPairSync("ec", { namedCurve: curve }) : generateKeyPairSync("ed25519");
  return signerFromPem(privateKey.export({ type: "pkcs8", format: "pem" }).toString(), "test");
};
const payload = Buffer.from('{"hello":"wörld"}');
const type = "application/vnd.in-toto+json";

// The example of https://github.com/secure-systems-lab/dsse/blob/v1.0.0/protocol.md, Apache-2.0: P-256, r and s side by side.
const coordinate = (decimal: string): string =>
  Buffer.from(BigInt(decimal).toString(16).padStart(64, "0"), "hex").toString("base64url");
const published = {
  key: createPublicKey({
    format: "jwk",
    key: {
      kty: "EC",
      crv: "P-256",
      x: coordinate("46950820868899156662930047687818585632848591499744589407958293238635476079160"),
      y: coordinate("5640078356564379163099075877009565129882514886557779369047442380624545832820"),
    },
  }),
  envelope: {
    payload: "aGVsbG8gd29ybGQ=",
    payloadType: "http://example.com/HelloWorld",
    signatures: [
      {
        keyid: "",
        sig: "A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA==",
      },
    ],
  },
};

test("the published example encodes and verifies", () => {
  expect(preAuthenticationEncoding("http://example.com/HelloWorld", Buffer.from("hello world")).toString()).toBe(
    "DSSEv1 29 http://example.com/HelloWorld 11 hello world",
  );
  expect(verifyEnvelope(published.envelope, [publicKeyOf(published.key)]).payload.toString()).toBe("hello world");
});

test("lengths in the encoding are of bytes, not of characters", () => {
  expect(preAuthenticationEncoding("é", Buffer.from("ü")).toString()).toBe("DSSEv1 2 é 2 ü");
});

test.each([undefined, "prime256v1", "secp384r1", "secp521r1"])(
  "what %s signs verifies, and nothing else does",
  async (curve) => {
    const own = signer(curve);
    const envelope = await signEnvelope(type, payload, [own]);
    const { publicKey } = own;
    expect(verifyEnvelope(envelope, [publicKey])).toEqual({ payload, payloadType: type, signers: [publicKey] });
    const refused = (changed: typeof envelope) =>
      expect(() => verifyEnvelope(changed, [publicKey])).toThrow(/expected signatures by 1 of 1/);
    refused({ ...envelope, payloadType: "text/plain" });
    refused({ ...envelope, payload: Buffer.from('{"hello":"world"}').toString("base64") });
    refused({ ...envelope, signatures: [] });
    expect(() => verifyEnvelope(envelope, [signer(curve).publicKey])).toThrow(EvidenceError);
  },
);

test("keyid decides nothing", async () => {
  const [own, stranger] = [signer(), signer()];
  const { signatures, ...rest } = await signEnvelope(type, payload, [stranger]);
  const claimed = { ...rest, signatures: [{ keyid: own.publicKey.id, sig: signatures[0]!.sig }] };
  expect(() => verifyEnvelope(claimed, [own.publicKey])).toThrow(/expected signatures/);
  expect(verifyEnvelope(claimed, [stranger.publicKey]).signers).toHaveLength(1);
});

test("a threshold counts keys, not signatures", async () => {
  const [one, two] = [signer(), signer("prime256v1")];
  const twiceByOne = await signEnvelope(type, payload, [one, one]);
  const byBoth = await signEnvelope(type, payload, [one, two]);
  const keys = [one.publicKey, one.publicKey, two.publicKey];
  expect(() => verifyEnvelope(twiceByOne, keys, { threshold: 2 })).toThrow(/by 2 of 2 trusted keys, got 1/);
  expect(verifyEnvelope(byBoth, keys, { threshold: 2 }).signers).toHaveLength(2);
  expect(() => verifyEnvelope(byBoth, keys, { threshold: 0 })).toThrow(/whole number from 1/);
});

test("both alphabets of base64 are read, and what is neither is refused", async () => {
  const own = signer();
  const bytes = Buffer.from([0xfb, 0xff, 0xfe]);
  const envelope = await signEnvelope(type, bytes, [own]);
  expect(envelope.payload).toBe("+//+");
  expect(verifyEnvelope({ ...envelope, payload: "-__-" }, [own.publicKey]).payload).toEqual(bytes);
  for (const junk of ["+//+!", "+/ /+", "+//+A", "+//+=AAA"]) {
    expect(() => verifyEnvelope({ ...envelope, payload: junk }, [own.publicKey]), junk).toThrow(/expected base64/);
  }
});

test("whatever is changed in an envelope, its payload is returned as signed or not at all", async () => {
  const own = signer();
  const envelope = await signEnvelope(type, payload, [own]);
  const text = JSON.stringify(envelope);
  fc.assert(
    fc.property(fc.nat(text.length - 1), fc.string({ minLength: 1, maxLength: 2 }), (at, put) => {
      let changed: typeof envelope;
      try {
        changed = JSON.parse(text.slice(0, at) + put + text.slice(at + put.length));
      } catch {
        return;
      }
      if (typeof changed.payload !== "string" || typeof changed.payloadType !== "string") return;
      if (!changed.signatures?.every(({ sig }) => typeof sig === "string")) return;
      try {
        expect(verifyEnvelope(changed, [own.publicKey])).toMatchObject({ payload, payloadType: type });
      } catch (error) {
        expect(error).toBeInstanceOf(EvidenceError);
      }
    }),
    { numRuns: 2000 },
  );
});
