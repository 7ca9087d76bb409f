interface SignedInProps {
  login: string;
  onLogout: () => void;
}

export function SignedIn({ login, onLogout }: SignedInProps) {
  return (
    <div className="top-bar-account">
      <span>
        Logged in as <strong>{login}</strong>
      </span>
      <button type="button" onClick={onLogout}>
        Log out
      </button>
    </div>
  );
}
