/** Both on the page's own origin, so no other host is ever asked. */
export const HTTP_PATH = "/graphql";
export const WS_PATH = "/graphql/ws";

/** graphql-ws wants a whole address; a page over https must use wss. */
export function wsUrl(page: Location): string {
  return `${page.protocol === "https:" ? "wss:" : "ws:"}//${page.host}${WS_PATH}`;
}
