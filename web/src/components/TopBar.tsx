import type { SessionStore } from "../session/SessionStore.ts";
import { useSession } from "../session/useSession.ts";
import { LoginForm } from "./LoginForm.tsx";
import { PeakMark } from "./PeakMark.tsx";
import { SignedIn } from "./SignedIn.tsx";
import "./top-bar.css";

export function TopBar({ store }: { store: SessionStore }) {
  const { session, error, busy } = useSession(store);
  return (
    <header className="top-bar">
      <h1 className="top-bar-name">
        <PeakMark />
        Nunatak
      </h1>
      {session ? (
        <SignedIn login={session.user.login} onLogout={() => store.logout()} />
      ) : (
        <LoginForm busy={busy} onLogin={(login, password) => store.login(login, password)} />
      )}
      {error && (
        <p className="top-bar-error" role="alert">
          {error}
        </p>
      )}
    </header>
  );
}
