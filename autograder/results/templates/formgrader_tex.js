const HARMLESS = [
  "amscd", "boldsymbol", "braket", "bussproofs", "cancel", "cases", "centernot",
  "color", "enclose", "extpfeil", "gensymb", "mathtools", "mhchem", "textcomp",
  "upgreek", "verb",
];
// TeX is a student's: no extension that makes links, styles or HTML, or loads one.
const settings = (then) => ({
  tex: {
    inlineMath: [["$", "$"], ["\\(", "\\)"]],
    processEscapes: true,
    tags: "ams",
    packages: { "[+]": HARMLESS, "[-]": ["html", "autoload", "require"] },
  },
  options: { enableMenu: false },
  loader: { load: HARMLESS.map((name) => "[tex]/" + name) },
  startup: {
    ready() {
      MathJax.startup.defaultReady();
      // \mmlToken sets these without an extension.
      const bare = (node) =>
        ["href", "style", "class", "id"].forEach((name) => {
          if (node.attributes) delete node.attributes.getAllAttributes()[name];
        });
      for (const input of MathJax.startup.document.inputJax)
        input.postFilters.add(({ data }) => (data.root || data).walkTree(bare), 1);
      then();
    },
  },
});
