(() => {
  "use strict";
  const here = location.pathname;
  let pause = 1000;
  const look = async () => {
    try {
      const answer = await fetch(here, {
        headers: { Accept: "application/json" },
        cache: "no-store",
        redirect: "error",
      });
      if (answer.ok && (await answer.json()).state === "waiting") {
        pause = 1000;
      } else if (answer.status === 429 || answer.status >= 500) {
        pause = Math.min(pause * 2, 15000);
      } else {
        location.replace(here);
        return;
      }
    } catch {
      pause = Math.min(pause * 2, 15000);
    }
    setTimeout(look, pause);
  };
  setTimeout(look, pause);
})();
