export interface GraphqlError {
  message: string;
  extensions?: Record<string, unknown>;
}

export interface GraphqlAnswer {
  data?: Record<string, unknown> | null;
  errors?: GraphqlError[];
}

export interface GraphqlRequest {
  query: string;
  operationName?: string | null;
  variables?: unknown;
}

/** One GraphQL request over HTTP. Rejects with a sentence for people when there is no JSON answer. */
export async function postGraphql(
  url: string,
  request: GraphqlRequest,
  headers?: HeadersInit,
): Promise<GraphqlAnswer> {
  const all = new Headers(headers);
  all.set("content-type", "application/json");
  all.set("accept", "application/graphql-response+json, application/json;q=0.9");
  let response: Response;
  try {
    response = await fetch(url, { method: "POST", headers: all, body: JSON.stringify(request) });
  } catch {
    throw new Error("The server cannot be reached.");
  }
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    const status = `${response.status} ${response.statusText}`.trim();
    throw new Error(`The server answered ${status}, and not in JSON.`);
  }
}
