import { explorerPlugin } from "@graphiql/plugin-explorer";
import { HISTORY_PLUGIN } from "@graphiql/plugin-history";
import type { Fetcher } from "@graphiql/toolkit";
import { GraphiQL } from "graphiql";
import { TopBar } from "../components/TopBar.tsx";
import type { SessionStore } from "../session/SessionStore.ts";
import { useSession } from "../session/useSession.ts";
import { EXAMPLE_TABS, NEW_TAB } from "./examples.ts";
import { SchemaRefresh } from "./SchemaRefresh.tsx";

/** Outside the component: GraphiQL resets its panes when it is handed a new list. */
const PLUGINS = [HISTORY_PLUGIN, explorerPlugin()];

interface GraphiqlPageProps {
  fetcher: Fetcher;
  store: SessionStore;
}

export function GraphiqlPage({ fetcher, store }: GraphiqlPageProps) {
  const { session } = useSession(store);
  return (
    <>
      <TopBar store={store} />
      <main className="graphiql-page">
        <GraphiQL
          defaultQuery={NEW_TAB}
          defaultTabs={EXAMPLE_TABS}
          fetcher={fetcher}
          plugins={PLUGINS}
        >
          <SchemaRefresh userId={session?.user.id ?? null} />
        </GraphiQL>
      </main>
    </>
  );
}
