import svelte from "eslint-plugin-svelte";
import globals from "globals";
import typescript from "typescript-eslint";

import svelteConfig from "./svelte.config.js";

const onlyIpc = {
  patterns: [
    {
      group: ["@tauri-apps/*"],
      message: "Only src/ipc.ts speaks to the app; take what you need from there.",
    },
  ],
};

const noInlineStyle = {
  selector: "SvelteAttribute[key.name='style']",
  message: "The content security policy forbids style attributes; use a class or style:name.",
};

export default typescript.config(
  { ignores: ["dist/", "node_modules/", "src/bindings.ts"] },
  ...typescript.configs.strict,
  ...svelte.configs.recommended,
  {
    languageOptions: { globals: globals.browser },
    rules: {
      "no-restricted-imports": ["error", onlyIpc],
      // Strangers' text is text, never markup.
      "svelte/no-at-html-tags": "error",
      "no-console": "error",
      "no-restricted-syntax": ["error", noInlineStyle],
    },
  },
  {
    files: ["**/*.svelte", "**/*.svelte.ts"],
    languageOptions: { parserOptions: { parser: typescript.parser, svelteConfig } },
  },
  { files: ["src/ipc.ts"], rules: { "no-restricted-imports": "off" } },
  { files: ["*.config.{js,ts}"], languageOptions: { globals: globals.node } },
);
