import { parse } from "graphql";
import type { Client } from "graphql-ws";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { createFetcher } from "./fetcher.ts";
import { connectionInit } from "./wsClient.ts";

const ANSWER = { data: { __typename: "Query" } };
const QUERY = "{ __typename }";
const loggedIn = { accessToken: async () => "token" };
const loggedOut = { accessToken: async () => null };
const fetched = vi.fn<typeof fetch>();

beforeEach(() => {
  fetched.mockReset();
  fetched.mockImplementation(async () => new Response(JSON.stringify(ANSWER)));
  vi.stubGlobal("fetch", fetched);
});
afterEach(() => vi.unstubAllGlobals());

function socket(results: () => AsyncGenerator<unknown>) {
  return { iterate: vi.fn(results) } as unknown as Pick<Client, "iterate">;
}

async function collect(results: unknown): Promise<unknown[]> {
  const all: unknown[] = [];
  for await (const result of results as AsyncIterable<unknown>) all.push(result);
  return all;
}

const unused = socket(async function* () {});

function sentHeaders(): Headers {
  return new Headers(fetched.mock.calls[0]?.[1]?.headers);
}

it("posts JSON with the access token", async () => {
  const answer = await createFetcher("/graphql", loggedIn, unused)({ query: QUERY });
  expect(answer).toEqual(ANSWER);
  expect(fetched.mock.calls[0]?.[0]).toBe("/graphql");
  expect(fetched.mock.calls[0]?.[1]).toMatchObject({
    method: "POST",
    body: `{"query":"${QUERY}"}`,
  });
  expect(sentHeaders().get("authorization")).toBe("Bearer token");
  expect(sentHeaders().get("content-type")).toBe("application/json");
});

it("sends no Authorization when nobody is logged in", async () => {
  await createFetcher("/graphql", loggedOut, unused)({ query: QUERY });
  expect(sentHeaders().has("authorization")).toBe(false);
});

it("lets a header from the headers tab win", async () => {
  const headers = { Authorization: "Bearer other", "x-trace": "1" };
  await createFetcher("/graphql", loggedIn, unused)({ query: QUERY }, { headers });
  expect(sentHeaders().get("authorization")).toBe("Bearer other");
  expect(sentHeaders().get("x-trace")).toBe("1");
});

it("hands on the errors of the API as they are", async () => {
  const errors = { errors: [{ message: "Not yours." }] };
  fetched.mockResolvedValue(new Response(JSON.stringify(errors), { status: 403 }));
  expect(await createFetcher("/graphql", loggedIn, unused)({ query: QUERY })).toEqual(errors);
});

it("rejects with a sentence when the answer is no JSON", async () => {
  fetched.mockResolvedValue(new Response("<html>", { status: 500 }));
  await expect(createFetcher("/graphql", loggedIn, unused)({ query: QUERY })).rejects.toThrow(
    "500",
  );
});

it("subscribes over the socket, and only for subscriptions", async () => {
  const query = "query Q { a } subscription S { b }";
  const documentAST = parse(query);
  const ws = socket(async function* () {
    yield { data: { b: 1 } };
  });
  const fetcher = createFetcher("/graphql", loggedIn, ws);
  await fetcher({ query, operationName: "Q" }, { documentAST });
  expect(ws.iterate).not.toHaveBeenCalled();
  const results = await fetcher({ query, operationName: "S" }, { documentAST });
  expect(fetched).toHaveBeenCalledOnce();
  expect(await collect(results)).toEqual([{ data: { b: 1 } }]);
});

it("says so when the socket is closed under a subscription", async () => {
  const query = "subscription S { b }";
  const ws = socket(async function* () {
    yield {};
    throw new CloseEvent("close", { code: 4403, reason: "Forbidden" });
  });
  const results = await createFetcher(
    "/graphql",
    loggedIn,
    ws,
  )({ query, operationName: "S" }, { documentAST: parse(query) });
  await expect(collect(results)).rejects.toThrow("4403 Forbidden");
});

it("opens the socket with the token, or with nothing", async () => {
  expect(await connectionInit(loggedIn)).toEqual({ authorization: "Bearer token" });
  expect(await connectionInit(loggedOut)).toEqual({});
});
