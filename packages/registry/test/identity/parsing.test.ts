import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { RegistryError } from "../../src/errors.ts";
import { revisionIn } from "../../src/http/revision.ts";
import { networkOf } from "../../src/identity/attempts.ts";
import { cookieIn, openAuthentication } from "../../src/identity/authenticate.ts";
import { checkWebhookUrl, isPublic } from "../../src/webhooks/address.ts";
import { openTestServer, type TestServer } from "../open-server.ts";

let server: TestServer;

beforeAll(async () => {
  server = await openTestServer();
});

afterAll(async () => {
  await server.close();
});

const header = fc.string({ unit: "binary", maxLength: 200 });
const token = fc.oneof(
  header,
  header.map((rest) => `cmt_${rest}`),
  fc.constant(`cmt_${"A".repeat(12)}_${"A".repeat(43)}`),
);
const base64 = (text: string) => Buffer.from(text).toString("base64");

test("whatever is shown as a token or a cookie, nobody comes in by it, and nothing else goes wrong", async () => {
  const authenticate = openAuthentication(server.registry);
  const shown = fc.oneof(
    fc.record({ authorization: token.map((each) => `Bearer ${each}`) }),
    fc.record({ authorization: header.map((each) => `Basic ${base64(`name:cmt_${each}`)}`) }),
    fc.record({ authorization: header.filter((each) => !/^(basic)/i.test(each)) }),
    fc.record({ cookie: header.map((each) => `a=b; casemate_session=${each}`), "x-csrf-token": header }),
  );
  await fc.assert(
    fc.asyncProperty(shown, fc.constantFrom("GET", "POST"), async (headers, method) => {
      const known = await authenticate(server.registry, { method, headers, address: "127.0.0.1" }).catch((error) => {
        expect(error).toMatchObject({ name: "RegistryError", code: "UNAUTHENTICATED" });
      });
      expect(known).toBeUndefined();
    }),
    { numRuns: 2000 },
  );
});

test("whatever is in a header or a URL, it is read or refused in our words", () => {
  const refusing = (read: () => unknown) => {
    try {
      read();
    } catch (error) {
      expect(error).toBeInstanceOf(RegistryError);
    }
  };
  const words = fc.oneof(
    header,
    fc.webUrl(),
    fc.ipV4(),
    fc.ipV6(),
    fc.ipV6().map((each) => `https://[${each}]/`),
  );
  fc.assert(
    fc.property(words, (text) => {
      refusing(() => revisionIn({ "if-match": text }));
      refusing(() => checkWebhookUrl(text, { allowPrivate: false }));
      expect(typeof isPublic(text)).toBe("boolean");
      expect(typeof networkOf(text)).toBe("string");
      expect(cookieIn(text, "casemate_session") === undefined || text.includes("casemate_session=")).toBe(true);
    }),
    { numRuns: 2000 },
  );
});

test("all addresses of a network count as one", () => {
  const group = fc.integer({ min: 0, max: 0xffff });
  fc.assert(
    fc.property(
      fc.array(group, { minLength: 8, maxLength: 8 }),
      fc.array(group, { minLength: 4, maxLength: 4 }),
      (one, low) => {
        const written = (groups: readonly number[]) => groups.map((each) => each.toString(16)).join(":");
        const other = [...one.slice(0, 4), ...low];
        expect(networkOf(written(other))).toBe(networkOf(written(one)));
        expect(networkOf(written(one))).toBe(`${written(one.slice(0, 4))}::/64`);
      },
    ),
    { numRuns: 2000 },
  );
});
