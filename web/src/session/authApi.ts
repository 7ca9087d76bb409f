import { type GraphqlError, postGraphql } from "../graphql/post.ts";
import type { Grant } from "./types.ts";

const PAYLOAD =
  "{ accessToken refreshToken expiresIn user { id login } userErrors { code message path } }";
const LOGIN = `mutation Login($input: LoginInput!) { login(input: $input) ${PAYLOAD} }`;
const REFRESH = `mutation RefreshToken($input: RefreshTokenInput!) { refreshToken(input: $input) ${PAYLOAD} }`;
const LOGOUT =
  "mutation Logout($input: LogoutInput!) { logout(input: $input) { userErrors { message } } }";

/** Codes that say "these credentials are no good", as opposed to "try later". */
const REFUSALS = new Set(["UNAUTHENTICATED", "UNAUTHORIZED", "FORBIDDEN"]);

/** The server understood the request and said no: asking again with the same input is pointless. */
export class Refused extends Error {
  override name = "Refused";
}

export interface AuthApi {
  login(login: string, password: string): Promise<Grant>;
  refresh(refreshToken: string): Promise<Grant>;
  /** Asks the server to revoke the refresh token. Never rejects: this page forgets it anyway. */
  logout(refreshToken: string): Promise<void>;
}

type Payload = Partial<{ [Key in keyof Grant]: Grant[Key] | null }> & {
  userErrors?: { message: string }[] | null;
};

/** Log-in and refresh, never with an Authorization header: a stale one must not spoil them. */
export function createAuthApi(url: string): AuthApi {
  return {
    login: (login, password) => ask("login", LOGIN, { login, password }),
    refresh: (refreshToken) => ask("refreshToken", REFRESH, { refreshToken }),
    logout: (refreshToken) =>
      postGraphql(url, { query: LOGOUT, variables: { input: { refreshToken } } }).then(
        () => undefined,
        () => undefined,
      ),
  };

  async function ask(field: string, query: string, input: Record<string, string>): Promise<Grant> {
    const answer = await postGraphql(url, { query, variables: { input } });
    if (answer.errors?.length) throw failure(answer.errors);
    const payload = answer.data?.[field] as Payload | null | undefined;
    if (payload?.userErrors?.length) throw new Refused(sentences(payload.userErrors));
    const { accessToken, refreshToken, expiresIn, user } = payload ?? {};
    if (!accessToken || !refreshToken || !expiresIn || !user) {
      throw new Error("The server answered without a token.");
    }
    return { accessToken, refreshToken, expiresIn, user };
  }
}

function failure(errors: readonly GraphqlError[]): Error {
  const refused = errors.some(({ extensions }) => REFUSALS.has(String(extensions?.code)));
  return refused ? new Refused(sentences(errors)) : new Error(sentences(errors));
}

function sentences(errors: readonly { message: string }[]): string {
  return errors.map(({ message }) => message).join(" ");
}
