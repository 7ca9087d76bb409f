import type { Session } from "./types.ts";

const KEY = "nunatak.session";

/** The session of this browser tab, or null when there is none that can be read. */
export function loadSession(): Session | null {
  try {
    const stored: unknown = JSON.parse(window.sessionStorage.getItem(KEY) ?? "null");
    return isSession(stored) ? stored : null;
  } catch {
    // Unreadable text, or a browser that forbids storage: start logged out.
    return null;
  }
}

export function saveSession(session: Session | null): void {
  try {
    if (session) window.sessionStorage.setItem(KEY, JSON.stringify(session));
    else window.sessionStorage.removeItem(KEY);
  } catch {
    // Storage is full or forbidden: the session still lives in memory until the page is left.
  }
}

function isSession(value: unknown): value is Session {
  if (typeof value !== "object" || value === null) return false;
  const { accessToken, refreshToken, refreshAt, expiresAt, user } = value as Partial<Session>;
  return (
    typeof accessToken === "string" &&
    typeof refreshToken === "string" &&
    typeof refreshAt === "number" &&
    typeof expiresAt === "number" &&
    typeof user?.id === "string" &&
    typeof user.login === "string"
  );
}
