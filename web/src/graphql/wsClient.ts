import { type Client, createClient } from "graphql-ws";
import type { TokenSource } from "../session/types.ts";

/** The graphql-transport-ws client: it connects with the first subscription, not before. */
export function createWsClient(url: string, tokens: TokenSource): Client {
  return createClient({
    url,
    lazy: true,
    connectionParams: () => connectionInit(tokens),
  });
}

/** The connection_init payload. */
export async function connectionInit(tokens: TokenSource): Promise<Record<string, string>> {
  const token = await tokens.accessToken();
  return token ? { authorization: `Bearer ${token}` } : {};
}
