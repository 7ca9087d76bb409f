import { type AuthApi, Refused } from "./authApi.ts";
import { loadSession, saveSession } from "./sessionStorage.ts";
import type { Grant, Session, SessionSnapshot, TokenSource } from "./types.ts";

/** A token is renewed this long before it expires, or in its last fifth if that is shorter. */
const MARGIN = 60_000;
/** How soon a refresh that failed without a refusal (network, server down) is tried again. */
const RETRY = 10_000;
/** Timers hold 31 bits; a longer wait is cut and looked at again. */
const LONGEST_WAIT = 2 ** 31 - 1;

/** The login of this page: in memory, mirrored to sessionStorage, renewed before it expires. */
export class SessionStore implements TokenSource {
  readonly #api: AuthApi;
  readonly #listeners = new Set<() => void>();
  #snapshot: SessionSnapshot;
  #refreshing: Promise<void> | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(api: AuthApi) {
    this.#api = api;
    this.#snapshot = { session: loadSession(), error: null, busy: false };
    this.#schedule();
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly snapshot = (): SessionSnapshot => this.#snapshot;

  /** Tells whether it worked; when not, the snapshot holds the reason. */
  async login(login: string, password: string): Promise<boolean> {
    this.#set({ error: null, busy: true });
    try {
      this.#keep(await this.#api.login(login, password));
      return true;
    } catch (error) {
      this.#set({ error: reason(error), busy: false });
      return false;
    }
  }

  logout(): void {
    const { session } = this.#snapshot;
    this.#end(null);
    if (session) void this.#api.logout(session.refreshToken);
  }

  /** The token for a request that starts now; renews it first when it is about to expire. */
  async accessToken(): Promise<string | null> {
    const { session } = this.#snapshot;
    if (session && Date.now() >= session.refreshAt) {
      this.#refreshing ??= this.#refresh(session).finally(() => {
        this.#refreshing = null;
      });
      await this.#refreshing;
    }
    return this.#snapshot.session?.accessToken ?? null;
  }

  async #refresh(session: Session): Promise<void> {
    try {
      const grant = await this.#api.refresh(session.refreshToken);
      if (this.#snapshot.session === session) this.#keep(grant);
    } catch (error) {
      // Logged out, or in anew, while the answer was on its way: it concerns nobody any more.
      if (this.#snapshot.session !== session) return;
      if (error instanceof Refused) {
        this.#end(`Your session has ended: ${error.message} Please log in again.`);
      } else {
        this.#set({ error: `The login could not be renewed: ${reason(error)}` });
        this.#schedule(RETRY);
      }
    }
  }

  #keep({ accessToken, refreshToken, expiresIn, user }: Grant): void {
    const now = Date.now();
    const lifetime = expiresIn * 1000;
    const session: Session = {
      accessToken,
      refreshToken,
      refreshAt: now + lifetime - Math.min(MARGIN, lifetime / 5),
      expiresAt: now + lifetime,
      user,
    };
    saveSession(session);
    this.#set({ session, error: null, busy: false });
    this.#schedule();
  }

  #end(error: string | null): void {
    saveSession(null);
    this.#set({ session: null, error, busy: false });
    this.#schedule();
  }

  #schedule(atLeast = 0): void {
    clearTimeout(this.#timer);
    const { session } = this.#snapshot;
    if (!session) return;
    const wait = Math.min(Math.max(session.refreshAt - Date.now(), atLeast), LONGEST_WAIT);
    this.#timer = setTimeout(async () => {
      await this.accessToken();
      // A cut wait ends before the token is due: go on waiting.
      if (this.#snapshot.session === session && Date.now() < session.refreshAt) this.#schedule();
    }, wait);
  }

  #set(change: Partial<SessionSnapshot>): void {
    this.#snapshot = { ...this.#snapshot, ...change };
    for (const listener of this.#listeners) listener();
  }
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
