// Paper is white: print in the light theme, and come back to the reader's own.
// (sphinx-togglebutton itself unfolds what is folded.)
(() => {
  const root = document.documentElement;
  let theme;
  window.addEventListener("beforeprint", () => {
    theme = root.dataset.theme;
    root.dataset.theme = "light";
  });
  window.addEventListener("afterprint", () => {
    root.dataset.theme = theme;
  });
})();
