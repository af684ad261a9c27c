// A wide equation, or wide code that is unfolded, can be scrolled by keyboard.
(() => {
  "use strict";

  // What fits is no stop for the Tab key. The theme does the same for code and tables, but
  // measures when a page is loaded or resized: not what gets narrower as it is unfolded.
  const watch = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
      else target.removeAttribute("tabindex");
    }
  });

  addEventListener("load", async () => {
    await window.MathJax?.startup?.promise;
    const wide = 'mjx-container[display="true"], article :is(details, .toggle) pre';
    document.querySelectorAll(wide).forEach((node) => watch.observe(node));
  });
})();
