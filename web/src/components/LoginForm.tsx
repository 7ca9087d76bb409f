import { type FormEvent, useState } from "react";

interface LoginFormProps {
  busy: boolean;
  onLogin: (login: string, password: string) => Promise<boolean>;
}

export function LoginForm({ busy, onLogin }: LoginFormProps) {
  const [login, setLogin] = useState("");
  const [password, setPassword] = useState("");

  async function submit(event: FormEvent) {
    event.preventDefault();
    if (!(await onLogin(login.trim(), password))) setPassword("");
  }

  return (
    <form className="top-bar-account" aria-label="Log in" onSubmit={submit}>
      <input
        aria-label="E-mail or login"
        autoCapitalize="none"
        autoComplete="username"
        name="login"
        onChange={(event) => setLogin(event.target.value)}
        placeholder="E-mail or login"
        required
        spellCheck={false}
        value={login}
      />
      <input
        aria-label="Password"
        autoComplete="current-password"
        name="password"
        onChange={(event) => setPassword(event.target.value)}
        placeholder="Password"
        required
        type="password"
        value={password}
      />
      <button type="submit" disabled={busy}>
        {busy ? "Logging in…" : "Log in"}
      </button>
    </form>
  );
}
