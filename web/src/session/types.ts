/** What the server gives for a login or a refresh, and when to act on it. Times are in ms. */
export interface Session {
  accessToken: string;
  refreshToken: string;
  /** From this moment on the access token is to be exchanged for a new one. */
  refreshAt: number;
  expiresAt: number;
  user: User;
}

export interface User {
  id: string;
  login: string;
}

/** Tokens as the API sends them; `expiresIn` counts seconds. */
export interface Grant {
  accessToken: string;
  refreshToken: string;
  expiresIn: number;
  user: User;
}

export interface SessionSnapshot {
  session: Session | null;
  error: string | null;
  busy: boolean;
}

/** Whatever can tell the access token for the next request. */
export interface TokenSource {
  accessToken(): Promise<string | null>;
}
