import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

// One page per window: a window loads its own page and nothing of another's.
const pages = ["main", "approval"];

export default defineConfig({
  plugins: [svelte()],
  // Relative addresses: the pages are read from the app itself.
  base: "./",
  build: {
    // What the system webviews of the supported platforms understand.
    target: ["safari16", "chrome111"],
    // No code or picture is inlined: the content security policy allows files only.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: { input: pages.map((page) => `${page}.html`) },
  },
  resolve: process.env["VITEST"] ? { conditions: ["browser"] } : {},
  test: {
    environment: "happy-dom",
    include: ["src/**/*.test.ts"],
  },
});
