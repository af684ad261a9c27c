// Two vectors span a parallelogram: its area, with a sign, is the determinant.
(() => {
  "use strict";
  const F = window.Flowbook;
  const REACH = [4, 3]; // the plane shown, from minus to plus
  const GRID = 0.05; // the tips move by whole multiples of this

  const NAMES = ["first", "second"];
  const START = [[1, 0], [0, 1]];

  F.figure("determinant", (live, data) => {
    const state = { columns: data.columns.map((column) => [...column]) };
    const planes = F.element("div", "planes single", live);
    const shown = F.plane(planes, "The parallelogram that two vectors span", draw);

    // A square unit of the plane is a square on the screen.
    function axesOf(context, width, height) {
      const area = { left: 34, top: 8, width: width - 42, height: height - 48 };
      const unit = Math.min(area.width / (2 * REACH[0]), area.height / (2 * REACH[1]));
      const [x, y] = [area.width / (2 * unit), area.height / (2 * unit)];
      return new F.Axes(context, area, [-x, x], [-y, y]);
    }

    const determinant = () => {
      const [[a, c], [b, d]] = state.columns;
      return a * d - b * c;
    };

    function draw(context, width, height) {
      const axes = axesOf(context, width, height);
      const [u, v] = state.columns;
      const sum = [u[0] + v[0], u[1] + v[1]];
      const colour = determinant() < 0 ? "orange" : "blue";
      axes.clipped(() => {
        for (let k = -Math.floor(axes.x[1]); k <= axes.x[1]; k++) {
          axes.line([[k, axes.y[0]], [k, axes.y[1]]], { stroke: F.withAlpha("line", 0.25), width: 0.7 });
        }
        for (let k = -Math.floor(axes.y[1]); k <= axes.y[1]; k++) {
          axes.line([[axes.x[0], k], [axes.x[1], k]], { stroke: F.withAlpha("line", 0.25), width: 0.7 });
        }
        axes.fill([[0, 0], u, sum, v], F.withAlpha(colour, 0.3));
        axes.line([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]], { stroke: F.colour("line"), width: 1.5, dash: [5, 4] });
        axes.line([u, sum, v], { stroke: F.colour(colour), width: 1.2 });
        axes.line([[0, 0], u], { stroke: F.colour(colour), width: 2.6 });
        axes.line([[0, 0], v], { stroke: F.colour(colour), width: 2.6 });
      });
      axes.frame();
      context.fillStyle = F.colour("text");
      context.textAlign = "center";
      context.textBaseline = "middle";
      state.columns.forEach((tip, i) => {
        // Beside the handle, above it where the tip points up.
        const above = tip[1] >= 0 ? -16 : 16;
        context.fillText(`column ${i + 1}`, axes.px(tip[0]), axes.py(tip[1]) + above);
        grips[i].place(axes.px(tip[0]), axes.py(tip[1]));
      });
    }

    function move(index, x, y) {
      const round = (value, reach) =>
        Math.round(Math.min(reach, Math.max(-reach, value)) / GRID) * GRID;
      state.columns[index] = [round(x, REACH[0]), round(y, REACH[1])];
      update();
    }

    const grips = NAMES.map((name, i) => F.handle(shown.frame, {
      label: `Tip of the ${name} column; arrow keys move it`,
      drag(px, py) {
        const { clientWidth: width, clientHeight: height } = shown.frame;
        const axes = axesOf(null, width, height);
        move(i, axes.toX(px), axes.toY(py));
      },
      step: (dx, dy) => move(i, state.columns[i][0] + GRID * dx, state.columns[i][1] + GRID * dy),
    }));

    const controls = F.element("div", "controls", live);
    const set = (columns) => () => {
      state.columns = columns().map((column) => [...column]);
      update();
    };
    F.button(controls, "unit square", set(() => START));
    F.button(controls, "exchange the columns", set(() => [...state.columns].reverse()));
    F.button(controls, "add column 1 to column 2", set(() => {
      const [u, v] = state.columns;
      return [u, [u[0] + v[0], u[1] + v[1]]];
    }));
    const words = F.reading(live, 2);

    const update = F.once(() => {
      shown.paint();
      const det = determinant();
      const [[a, c], [b, d]] = state.columns.map((column) => column.map((v) => F.number(v)));
      const flat = Math.abs(det) < 1e-9;
      words.set(
        `det = ${a} \u00b7 ${d} \u2212 (${b} \u00b7 ${c}) = ${F.number(det, 3)}.`,
        flat
          ? "The square is pressed into a line: no area, and no way back."
          : `The area is ${F.number(Math.abs(det), 3)}${det < 0 ? ", and the square is mirrored" : ""}; ` +
            `log|det| = ${F.number(Math.log(Math.abs(det)), 3)}.`,
      );
    });
    update();
  });
})();
