// The errata page: find statements by their words and by where they are met.
"use strict";

function sectionsOf(parent) {
  return [...parent.children].filter((child) => child.tagName === "SECTION");
}

function buildFilter() {
  const marks = [...document.querySelectorAll('span[id^="err-"]')];
  if (!marks.length) return;
  const cases = marks.map((mark) => mark.closest("section"));
  const groups = [...new Set(cases.map((one) => one.parentElement))];
  const words = new Map(cases.map((one) => [one, one.textContent.toLowerCase()]));

  const bar = document.createElement("div");
  bar.className = "errata-filter";
  const search = document.createElement("input");
  search.type = "search";
  search.placeholder = "Find a statement, for example: determinant";
  search.setAttribute("aria-label", "Find a statement");
  const group = document.createElement("select");
  group.setAttribute("aria-label", "Subject");
  group.append(new Option("All subjects", ""));
  groups.forEach((one, number) => {
    const heading = one.querySelector("h2").firstChild.textContent;
    group.append(new Option(heading, String(number)));
  });
  const count = document.createElement("span");
  count.setAttribute("aria-live", "polite");
  bar.append(search, group, count);
  groups[0].before(bar);

  function show() {
    const asked = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    groups.forEach((parent, number) => {
      const inGroup = group.value === "" || group.value === String(number);
      let some = false;
      for (const one of sectionsOf(parent)) {
        const fits =
          inGroup && asked.every((word) => words.get(one)?.includes(word));
        one.hidden = !fits;
        some ||= fits;
        shown += fits ? 1 : 0;
      }
      parent.hidden = !some;
    });
    count.textContent = `${shown} of ${cases.length}`;
  }

  // A link to a statement shows it, whatever was searched for.
  function follow() {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target || !target.closest("section[hidden]")) return;
    search.value = group.value = "";
    show();
    target.scrollIntoView();
  }

  search.addEventListener("input", show);
  group.addEventListener("change", show);
  window.addEventListener("hashchange", follow);
  show();
}

document.addEventListener("DOMContentLoaded", buildFilter);
