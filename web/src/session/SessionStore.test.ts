import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type AuthApi, Refused } from "./authApi.ts";
import { SessionStore } from "./SessionStore.ts";
import type { Grant } from "./types.ts";

const USER = { id: "1", login: "ada" };
const KEY = "nunatak.session";

function grant(number: number, expiresIn = 900): Grant {
  return {
    accessToken: `access-${number}`,
    refreshToken: `refresh-${number}`,
    expiresIn,
    user: USER,
  };
}

function fakeApi() {
  return {
    login: vi.fn<AuthApi["login"]>(async () => grant(1)),
    refresh: vi.fn<AuthApi["refresh"]>(async () => grant(2)),
    logout: vi.fn<AuthApi["logout"]>(async () => {}),
  };
}

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
  sessionStorage.clear();
});
afterEach(() => vi.useRealTimers());

describe("log-in", () => {
  it("keeps the tokens in memory and in sessionStorage", async () => {
    const store = new SessionStore(fakeApi());
    expect(await store.login("ada", "secret")).toBe(true);
    expect(store.snapshot()).toMatchObject({ session: { user: USER }, error: null, busy: false });
    expect(JSON.parse(sessionStorage.getItem(KEY) ?? "")).toMatchObject({
      accessToken: "access-1",
    });
    expect(await new SessionStore(fakeApi()).accessToken()).toBe("access-1");
  });

  it("never stores the password", async () => {
    await new SessionStore(fakeApi()).login("ada", "hunter2-hunter2");
    expect(JSON.stringify({ ...sessionStorage })).not.toContain("hunter2");
  });

  it("surfaces the reason of a refusal and stays logged out", async () => {
    const api = fakeApi();
    api.login.mockRejectedValue(new Refused("Login or password is wrong."));
    const store = new SessionStore(api);
    expect(await store.login("ada", "wrong")).toBe(false);
    expect(store.snapshot()).toEqual({
      session: null,
      error: "Login or password is wrong.",
      busy: false,
    });
    expect(await store.accessToken()).toBeNull();
  });

  it("starts logged out when what is stored is no session", () => {
    for (const text of ["{", "null", "7", '{"accessToken":1}', '{"accessToken":"a"}']) {
      sessionStorage.setItem(KEY, text);
      expect(new SessionStore(fakeApi()).snapshot().session).toBeNull();
    }
  });
});

describe("refresh", () => {
  it("happens one minute before the token expires, not sooner", async () => {
    const api = fakeApi();
    const store = new SessionStore(api);
    await store.login("ada", "secret");
    await vi.advanceTimersByTimeAsync(839_999);
    expect(await store.accessToken()).toBe("access-1");
    expect(api.refresh).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(api.refresh).toHaveBeenCalledExactlyOnceWith("refresh-1");
    expect(await store.accessToken()).toBe("access-2");
  });

  it("leaves a short-lived token four fifths of its life", async () => {
    const api = fakeApi();
    api.login.mockResolvedValue(grant(1, 20));
    await new SessionStore(api).login("ada", "secret");
    await vi.advanceTimersByTimeAsync(15_999);
    expect(api.refresh).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(api.refresh).toHaveBeenCalledOnce();
  });

  it("is done once for requests that start together, and each gets the new token", async () => {
    const api = fakeApi();
    const store = new SessionStore(api);
    await store.login("ada", "secret");
    vi.setSystemTime(Date.now() + 850_000);
    expect(await Promise.all([store.accessToken(), store.accessToken()])).toEqual([
      "access-2",
      "access-2",
    ]);
    expect(api.refresh).toHaveBeenCalledOnce();
  });

  it("uses the newest refresh token each time", async () => {
    const api = fakeApi();
    const store = new SessionStore(api);
    await store.login("ada", "secret");
    await vi.advanceTimersByTimeAsync(2 * 840_000);
    expect(api.refresh.mock.calls).toEqual([["refresh-1"], ["refresh-2"]]);
    store.logout();
  });

  it("ends the session when the server refuses it", async () => {
    const api = fakeApi();
    api.refresh.mockRejectedValue(new Refused("The refresh token was revoked."));
    const store = new SessionStore(api);
    await store.login("ada", "secret");
    await vi.advanceTimersByTimeAsync(840_000);
    expect(store.snapshot().session).toBeNull();
    expect(store.snapshot().error).toContain("The refresh token was revoked.");
    expect(sessionStorage.getItem(KEY)).toBeNull();
  });

  it("keeps the session and tries again when the server cannot be reached", async () => {
    const api = fakeApi();
    api.refresh.mockRejectedValueOnce(new Error("The server cannot be reached."));
    const store = new SessionStore(api);
    await store.login("ada", "secret");
    await vi.advanceTimersByTimeAsync(840_000);
    expect(store.snapshot().error).toContain("cannot be reached");
    expect(store.snapshot().session?.accessToken).toBe("access-1");
    await vi.advanceTimersByTimeAsync(10_000);
    expect(store.snapshot()).toMatchObject({ error: null, session: { accessToken: "access-2" } });
  });

  it("does not bring back a session that was logged out meanwhile", async () => {
    const api = fakeApi();
    let answer: (grant: Grant) => void = () => {};
    api.refresh.mockReturnValue(new Promise((resolve) => (answer = resolve)));
    const store = new SessionStore(api);
    await store.login("ada", "secret");
    await vi.advanceTimersByTimeAsync(840_000);
    store.logout();
    answer(grant(2));
    await vi.runAllTimersAsync();
    expect(store.snapshot().session).toBeNull();
    expect(sessionStorage.getItem(KEY)).toBeNull();
  });

  it("waits for tokens that live longer than a timer can count", async () => {
    const api = fakeApi();
    api.login.mockResolvedValue(grant(1, 90 * 86_400));
    await new SessionStore(api).login("ada", "secret");
    await vi.advanceTimersByTimeAsync(89 * 86_400_000);
    expect(api.refresh).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(86_400_000);
    expect(api.refresh).toHaveBeenCalledOnce();
  });
});

describe("log-out", () => {
  it("forgets the tokens, has them revoked and stops renewing them", async () => {
    const api = fakeApi();
    const store = new SessionStore(api);
    await store.login("ada", "secret");
    store.logout();
    expect(sessionStorage.getItem(KEY)).toBeNull();
    expect(await store.accessToken()).toBeNull();
    expect(api.logout).toHaveBeenCalledExactlyOnceWith("refresh-1");
    await vi.advanceTimersByTimeAsync(900_000);
    expect(api.refresh).not.toHaveBeenCalled();
  });

  it("tells its listeners, and none that left", async () => {
    const store = new SessionStore(fakeApi());
    const stays = vi.fn();
    const leaves = vi.fn();
    store.subscribe(stays);
    store.subscribe(leaves)();
    store.logout();
    expect(stays).toHaveBeenCalledOnce();
    expect(leaves).not.toHaveBeenCalled();
  });
});
