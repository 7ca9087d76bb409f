import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { HTTP_PATH, wsUrl } from "../graphql/endpoints.ts";
import { createFetcher } from "../graphql/fetcher.ts";
import { createWsClient } from "../graphql/wsClient.ts";
import { createAuthApi } from "../session/authApi.ts";
import { SessionStore } from "../session/SessionStore.ts";
import { GraphiqlPage } from "./GraphiqlPage.tsx";
import "./monacoWorkers.ts";
// Piece by piece, not graphiql/style.css: that one carries 400 kB of fonts as data: addresses.
import "@graphiql/react/style.css";
import "@graphiql/plugin-doc-explorer/style.css";
import "@graphiql/plugin-explorer/style.css";
import "@graphiql/plugin-history/style.css";
import "graphiql/graphiql.css";
import "./page.css";

const store = new SessionStore(createAuthApi(HTTP_PATH));
const ws = createWsClient(wsUrl(window.location), store);
const fetcher = createFetcher(HTTP_PATH, store, ws);

// A socket speaks for whoever opened it: another user means another socket.
let userId = store.snapshot().session?.user.id;
store.subscribe(() => {
  const next = store.snapshot().session?.user.id;
  if (next === userId) return;
  userId = next;
  ws.terminate();
});

const root = document.getElementById("root");
if (!root) throw new Error("graphiql.html has no element with the id root");
createRoot(root).render(
  <StrictMode>
    <GraphiqlPage fetcher={fetcher} store={store} />
  </StrictMode>,
);
