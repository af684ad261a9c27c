// The search shows excerpts that it fetches, and a browser fetches nothing from a disk.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;

// An excerpt is what a person reads: no code, and no formula's TeX, but "…".
if (typeof Search !== "undefined") {
  const LEFT_OUT = ".headerlink, script, style, .eqno, .cell_input, summary";
  Search.htmlToText = (html, anchor) => {
    const page = new DOMParser().parseFromString(html, "text/html");
    page.querySelectorAll(LEFT_OUT).forEach((each) => each.remove());
    page.querySelectorAll(".math").forEach((each) => each.replaceWith("…"));
    const article = page.querySelector("article");
    const part = anchor ? article?.querySelector(anchor) : null;
    return (part ?? article)?.textContent ?? "";
  };
}
