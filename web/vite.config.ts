import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";
import { gzip } from "./vite-gzip.ts";

/** Where `npm run dev` finds a running server: `nunatak serve` on its usual port. */
const server = process.env.NUNATAK_URL ?? "http://127.0.0.1:8080";

export default defineConfig({
  appType: "mpa",
  plugins: [react(), gzip()],
  build: {
    target: "es2022",
    // Nothing becomes a data: address: every file the page needs has a name of its own.
    assetsInlineLimit: 0,
    // Monaco is one large chunk by nature; it is loaded after the page is drawn.
    chunkSizeWarningLimit: 3500,
    license: { fileName: "assets/third-party-licenses.md" },
    rolldownOptions: {
      // The React app joins here as `index: "index.html"`.
      input: { graphiql: "graphiql.html" },
      checks: { moduleLevelDirective: false },
    },
  },
  worker: { format: "es" },
  server: {
    proxy: { "/graphql": { target: server, ws: true } },
  },
  test: {
    environment: "jsdom",
    include: ["src/**/*.test.{ts,tsx}"],
    restoreMocks: true,
  },
});
