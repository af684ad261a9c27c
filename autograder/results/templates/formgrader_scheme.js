// A click on a line of the marking scheme gives its points or takes them back, through
// formgrader's own field: a person may type there all the same.
const rounded = (points) => Math.round(points * 1e4) / 1e4;

class SchemePanel {
  constructor(panel, ui) {
    Object.assign(this, { ui, model: ui.model, field: ui.$score[0] });
    this.lines = [...panel.querySelectorAll("button.mark")];
    this.worth = this.lines.map((line) => Number(line.dataset.points));
    this.lines.forEach((line, number) => {
      line.disabled = false;
      line.addEventListener("click", () => this.click(number));
    });
    // A person types: what was clicked no longer tells where the points come from.
    const silent = { silent: true }; // or formgrader would show the old score again
    this.field.addEventListener("change", () => this.model.set({ lines: [] }, silent));
    this.model.on("change", () => this.show());
    this.show();
  }

  sum(lines) {
    const all = lines.reduce((sum, number) => sum + this.worth[number], 0);
    return rounded(Math.min(all, this.model.get("max_score")));
  }

  // The lines that explain the score; none where a person typed another.
  given() {
    const score = this.model.get("manual_score");
    const all = [...this.worth.keys()];
    if (score === null || Number(score) === 0) return [];
    for (const lines of [this.model.get("lines") ?? [], all])
      if (this.sum(lines) === Number(score)) return lines;
    return [];
  }

  click(number) {
    const before = this.given();
    const off = before.includes(number);
    const lines = off ? before.filter((each) => each !== number) : [...before, number];
    const score = Number(this.model.get("manual_score") ?? 0);
    const known = this.sum(before) === score;
    const change = off ? -this.worth[number] : this.worth[number];
    const most = this.model.get("max_score");
    const typed = rounded(Math.max(0, Math.min(score + change, most)));
    const points = known ? this.sum(lines) : typed;
    this.model.set({ lines: known ? lines : [] }, { silent: true });
    $(this.field).val(points).trigger("change");
  }

  show() {
    const given = this.given();
    this.lines.forEach((line, number) => {
      line.setAttribute("aria-pressed", given.includes(number));
    });
  }
}

addEventListener("load", () => {
  const panels = new Set(document.querySelectorAll("aside.scheme"));
  const look = () => {
    for (const panel of panels) {
      const named = (ui) => ui.model.get("name") === panel.dataset.cell;
      const ui = formgrader.grade_uis?.find(named);
      if (ui && panels.delete(panel)) new SchemePanel(panel, ui);
    }
    if (panels.size) setTimeout(look, 50);
  };
  look();
});
