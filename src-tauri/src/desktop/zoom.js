// Zooming by keys, where the webview itself has none: Ctrl (or ⌘) with +, - and 0.
(() => {
  const step = 0.1;
  const least = 0.5;
  const most = 3;
  let factor = 1;
  addEventListener(
    "keydown",
    (event) => {
      if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
      if (event.key === "+" || event.key === "=") factor = Math.min(most, factor + step);
      else if (event.key === "-") factor = Math.max(least, factor - step);
      else if (event.key === "0") factor = 1;
      else return;
      event.preventDefault();
      window.__TAURI_INTERNALS__.invoke("zoom", { factor });
    },
    true,
  );
})();
