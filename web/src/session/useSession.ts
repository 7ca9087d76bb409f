import { useSyncExternalStore } from "react";
import type { SessionStore } from "./SessionStore.ts";
import type { SessionSnapshot } from "./types.ts";

export function useSession(store: SessionStore): SessionSnapshot {
  return useSyncExternalStore(store.subscribe, store.snapshot);
}
