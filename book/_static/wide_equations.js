// An equation that is too wide for the page can be reached and scrolled by keyboard.
(() => {
  "use strict";

  // The theme does the same for code and tables. What fits is no stop for the Tab key.
  const watch = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
      else target.removeAttribute("tabindex");
    }
  });

  addEventListener("load", async () => {
    await window.MathJax?.startup?.promise;
    const equations = document.querySelectorAll('mjx-container[display="true"]');
    equations.forEach((equation) => watch.observe(equation));
  });
})();
