import { afterEach, expect, it, vi } from "vitest";
import { createAuthApi, Refused } from "./authApi.ts";

const GRANT = {
  accessToken: "a",
  refreshToken: "r",
  expiresIn: 900,
  user: { id: "1", login: "ada" },
};

function serve(body: unknown, init?: ResponseInit) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const fetched = vi.fn<typeof fetch>(async () => new Response(text, init));
  vi.stubGlobal("fetch", fetched);
  return fetched;
}

afterEach(() => vi.unstubAllGlobals());

it("logs in with the input the schema asks for, and without a token", async () => {
  const fetched = serve({ data: { login: { ...GRANT, userErrors: [] } } });
  expect(await createAuthApi("/graphql").login("ada", "secret")).toEqual(GRANT);
  const [url, init] = fetched.mock.calls[0] ?? [];
  expect(url).toBe("/graphql");
  expect(new Headers(init?.headers).has("authorization")).toBe(false);
  const { query, variables } = JSON.parse(String(init?.body));
  expect(query).toContain("mutation Login($input: LoginInput!)");
  expect(variables).toEqual({ input: { login: "ada", password: "secret" } });
});

it("refreshes with the refresh token", async () => {
  const fetched = serve({ data: { refreshToken: { ...GRANT, userErrors: [] } } });
  expect(await createAuthApi("/graphql").refresh("old")).toEqual(GRANT);
  const { variables } = JSON.parse(String(fetched.mock.calls[0]?.[1]?.body));
  expect(variables).toEqual({ input: { refreshToken: "old" } });
});

it("turns user errors into a refusal that holds their sentences", async () => {
  const userErrors = [{ code: "INVALID", message: "Wrong password.", path: ["password"] }];
  serve({ data: { login: { accessToken: null, userErrors } } });
  const refusal = createAuthApi("/graphql").login("ada", "x");
  await expect(refusal).rejects.toThrow(Refused);
  await expect(refusal).rejects.toThrow("Wrong password.");
});

it("takes an authentication error for a refusal and any other error for a failure", async () => {
  serve({ errors: [{ message: "Revoked.", extensions: { code: "UNAUTHENTICATED" } }] });
  await expect(createAuthApi("/graphql").refresh("r")).rejects.toThrow(Refused);
  serve({ errors: [{ message: "Database is down.", extensions: { code: "INTERNAL" } }] });
  const failure = createAuthApi("/graphql").refresh("r");
  await expect(failure).rejects.toThrow("Database is down.");
  await expect(failure).rejects.not.toThrow(Refused);
});

it("says what happened when the answer holds no token or is no JSON", async () => {
  serve({ data: { login: null } });
  await expect(createAuthApi("/graphql").login("a", "b")).rejects.toThrow("without a token");
  serve("<h1>Bad gateway</h1>", { status: 502, statusText: "Bad Gateway" });
  await expect(createAuthApi("/graphql").login("a", "b")).rejects.toThrow("502 Bad Gateway");
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError("Failed to fetch")));
  await expect(createAuthApi("/graphql").login("a", "b")).rejects.toThrow("cannot be reached");
});

it("has the refresh token revoked at log-out, and does not mind when that fails", async () => {
  const fetched = serve({ data: { logout: { userErrors: [] } } });
  await createAuthApi("/graphql").logout("old");
  const { variables } = JSON.parse(String(fetched.mock.calls[0]?.[1]?.body));
  expect(variables).toEqual({ input: { refreshToken: "old" } });
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError("Failed to fetch")));
  await expect(createAuthApi("/graphql").logout("old")).resolves.toBeUndefined();
});
