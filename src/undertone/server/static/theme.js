// Light, dark, or as the system says. Loaded before the page is painted, so that it never flashes.
(() => {
  const KEY = "undertone.theme";
  const ORDER = ["system", "light", "dark"];
  const WORDS = { system: "Theme: as system", light: "Theme: light", dark: "Theme: dark" };
  const stored = () => {
    try {
      return ORDER.includes(localStorage.getItem(KEY)) ? localStorage.getItem(KEY) : "system";
    } catch {
      return "system"; // storage is blocked: the system's choice stands
    }
  };
  let theme = stored();

  function apply() {
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    for (const label of document.querySelectorAll("[data-theme-label]")) label.textContent = WORDS[theme];
  }

  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-theme-toggle]")) return;
    theme = ORDER[(ORDER.indexOf(theme) + 1) % ORDER.length];
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      // not kept, yet shown
    }
    apply();
  });
  document.addEventListener("DOMContentLoaded", apply);
  apply();
})();
