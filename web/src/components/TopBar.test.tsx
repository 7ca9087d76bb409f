import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type AuthApi, Refused } from "../session/authApi.ts";
import { SessionStore } from "../session/SessionStore.ts";
import { TopBar } from "./TopBar.tsx";

const api: AuthApi = {
  login: async (login, password) => {
    if (password !== "right") throw new Refused("Login or password is wrong.");
    return { accessToken: "a", refreshToken: "r", expiresIn: 900, user: { id: "1", login } };
  },
  refresh: () => Promise.reject(new Error("not in this test")),
  logout: async () => {},
};

beforeEach(() => sessionStorage.clear());
afterEach(cleanup);

function logIn(password: string) {
  fireEvent.change(screen.getByLabelText("E-mail or login"), { target: { value: " ada " } });
  fireEvent.change(screen.getByLabelText("Password"), { target: { value: password } });
  fireEvent.submit(screen.getByRole("form", { name: "Log in" }));
}

it("shows an error to everybody, and takes the wrong password out of the field", async () => {
  render(<TopBar store={new SessionStore(api)} />);
  logIn("wrong");
  expect((await screen.findByRole("alert")).textContent).toBe("Login or password is wrong.");
  expect(screen.getByLabelText<HTMLInputElement>("Password").value).toBe("");
});

it("tells who is logged in and lets them out", async () => {
  render(<TopBar store={new SessionStore(api)} />);
  logIn("right");
  expect((await screen.findByText("ada")).tagName).toBe("STRONG");
  expect(screen.queryByLabelText("Password")).toBeNull();
  fireEvent.click(screen.getByRole("button", { name: "Log out" }));
  expect(screen.getByLabelText("Password")).toBeDefined();
  expect(sessionStorage.length).toBe(0);
});
