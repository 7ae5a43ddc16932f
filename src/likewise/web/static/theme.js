// Sets light or dark before the first paint; "system" leaves it to prefers-color-scheme.
(function () {
  let chosen = null;
  try {
    chosen = localStorage.getItem("likewise.theme");
  } catch {
    // storage may be forbidden: the system's choice stays
  }
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
})();
