// Sets colours and the size of pictures before the first paint; what is not set is the system's, or the usual.
(function () {
  const choices = { theme: ["light", "dark"], tiles: ["small", "large"] };
  for (const [key, known] of Object.entries(choices)) {
    let chosen = null;
    try {
      chosen = localStorage.getItem(`likewise.${key}`);
    } catch {
      // storage may be forbidden
    }
    if (known.includes(chosen)) document.documentElement.dataset[key] = chosen;
  }
})();
