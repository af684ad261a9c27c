// Sort the table by a column, and show the students whose name or id holds a text.
const table = document.querySelector("table.course");
const rows = () => [...table.tBodies[0].rows];
const value = (row, column) => row.cells[column].dataset.value ?? "";

function compare(a, b) {
  if (a === "" || b === "") return (a === "") - (b === ""); // what is empty comes last
  return isNaN(a) || isNaN(b) ? a.localeCompare(b) : a - b;
}

function sort(head) {
  const up = head.ariaSort !== "ascending";
  const order = (a, b) => {
    const [x, y] = [value(a, head.cellIndex), value(b, head.cellIndex)];
    return up || x === "" || y === "" ? compare(x, y) : compare(y, x);
  };
  for (const each of table.tHead.rows[0].cells) each.removeAttribute("aria-sort");
  head.ariaSort = up ? "ascending" : "descending";
  table.tBodies[0].append(...rows().sort(order));
}

for (const head of table?.tHead.rows[0].cells ?? []) {
  const button = document.createElement("button");
  button.type = "button";
  const label = head.querySelector(".sort");
  label.replaceWith(button);
  button.append(label);
  button.addEventListener("click", () => sort(head));
}

const search = document.querySelector(".search");
if (search) {
  const [field, count] = [search.querySelector("input"), search.querySelector("output")];
  search.hidden = false;
  field.addEventListener("input", () => {
    const wanted = field.value.trim().toLocaleLowerCase();
    const all = rows();
    for (const row of all) {
      row.hidden = !row.cells[0].textContent.toLocaleLowerCase().includes(wanted);
    }
    const found = all.filter((row) => !row.hidden).length;
    count.textContent = wanted ? `${found} of ${all.length} students` : "";
  });
}
