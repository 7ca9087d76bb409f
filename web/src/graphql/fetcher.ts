import type { Fetcher } from "@graphiql/toolkit";
import { getOperationAST } from "graphql";
import type { Client } from "graphql-ws";
import type { TokenSource } from "../session/types.ts";
import { postGraphql } from "./post.ts";

type FetcherResult = Awaited<ReturnType<Fetcher>>;

/** GraphiQL's way to the API: subscriptions over the socket, all else by POST, with the token. */
export function createFetcher(url: string, tokens: TokenSource, ws: Pick<Client, "iterate">) {
  const fetcher: Fetcher = async (params, options) => {
    const operation =
      options?.documentAST && getOperationAST(options.documentAST, params.operationName);
    if (operation?.operation === "subscription") {
      return readable(ws.iterate(params)) as FetcherResult;
    }
    const headers = new Headers(options?.headers);
    // A header typed into the headers tab wins: that is what somebody who typed it wants to try.
    if (!headers.has("authorization")) {
      const token = await tokens.accessToken();
      if (token) headers.set("authorization", `Bearer ${token}`);
    }
    return (await postGraphql(url, params, headers)) as FetcherResult;
  };
  return fetcher;
}

/** A closed socket comes as an event; GraphiQL shows only errors. */
async function* readable<T>(results: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* results;
  } catch (error) {
    if (!(error instanceof Event)) throw error;
    const { code, reason } = error as CloseEvent;
    const why = [code, reason].filter(Boolean).join(" ");
    throw new Error(`The subscription's connection was lost${why ? ` (${why})` : ""}.`);
  }
}
