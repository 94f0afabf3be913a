import Type from "typebox";
import { type Route, route } from "../http/route.ts";
import { cookieIn } from "../identity/authenticate.ts";
import type { OidcSignIn } from "../identity/oidc.ts";
import { sessionCookie } from "./identity.ts";

const COOKIE = "casemate_oidc";
const PATH = "/api/v1/oidc";

/** Sign-in elsewhere. Afterwards the browser is always sent to `/`: no parameter says where to. */
export function oidcRoutes(oidc: OidcSignIn): readonly Route[] {
  const access = { type: "public", reason: "whoever signs in is not known yet" } as const;
  return [
    route({
      method: "GET",
      path: `${PATH}/sign-in`,
      summary: "Sign in at the OpenID Connect provider",
      access,
      schema: {},
      async handle({ headers }) {
        const { url, cookie } = await oidc.begin();
        const secure = isLoopback(headers.host) ? "" : "; Secure";
        // Lax: the provider sends the browser back from another site
        return {
          status: 302,
          headers: {
            location: url,
            "set-cookie": `${COOKIE}=${cookie}; Path=${PATH}; HttpOnly; SameSite=Lax; Max-Age=600${secure}`,
          },
          body: "",
        };
      },
    }),
    route({
      method: "GET",
      path: `${PATH}/callback`,
      summary: "Where the provider sends the browser back to",
      access,
      schema: {
        query: Type.Object(
          { code: Type.String({ maxLength: 4096 }), state: Type.String({ maxLength: 200 }) },
          { additionalProperties: true },
        ),
      },
      async handle({ query: { code, state }, headers, principal: { address } }) {
        const session = await oidc.finish({
          code,
          state,
          cookie: cookieIn(String(headers.cookie ?? ""), COOKIE) ?? "",
          address,
        });
        return {
          status: 302,
          headers: { location: "/", "set-cookie": sessionCookie(session, headers.host) },
          body: "",
        };
      },
    }),
  ];
}

function isLoopback(host: unknown): boolean {
  return /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/.test(String(host));
}
