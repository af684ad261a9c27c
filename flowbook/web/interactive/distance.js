// Two normal densities at a distance: what a generator is told about it.
(() => {
  "use strict";
  const F = window.Flowbook;
  const SECONDS = 8; // that the whole way takes when it runs
  const NODES = 1200;

  const normal = (x, mean) => Math.exp(-0.5 * (x - mean) ** 2) / Math.sqrt(2 * Math.PI);
  // log(1 + exp(v)) without overflow.
  const softplus = (v) => Math.max(v, 0) + Math.log1p(Math.exp(-Math.abs(v)));
  const sigmoid = (v) => Math.exp(-softplus(-v));
  const logit = (x, d) => 0.5 * d * d - d * x; // log p(x) - log q(x)

  // By the trapezium rule: the Jensen-Shannon divergence, and E D under the samples.
  function measured(d) {
    let [loss, share] = [0, 0];
    const [low, high] = [-9, d + 9];
    const step = (high - low) / NODES;
    for (let i = 0; i <= NODES; i++) {
      const x = low + i * step;
      const v = logit(x, d);
      loss += step * (normal(x, 0) * softplus(-v) + normal(x, d) * softplus(v));
      share += step * normal(x, d) * sigmoid(v);
    }
    return { js: Math.LN2 - loss / 2, saturating: d * share, other: d * (1 - share) };
  }

  // Words above a panel, each in its colour.
  function legend(context, left, entries) {
    context.textAlign = "left";
    context.textBaseline = "top";
    for (const [text, colour] of entries) {
      context.fillStyle = F.colour(colour);
      context.fillText(text, left, 3);
      left += context.measureText(text).width + 9;
    }
  }

  F.figure("distance", (live, data) => {
    const state = { d: data.start };
    const table = Array.from({ length: 81 }, (_, i) => {
      const d = (data.most * i) / 80;
      return { d, ...measured(d) };
    });
    const CURVES = [
      ["js", "blue", "JS", []],
      ["saturating", "orange", "slope, saturating loss", [6, 4]],
      ["other", "green", "slope, other loss", [2, 3]],
    ];

    const planes = F.element("div", "planes web", live);
    const shown = [
      F.plane(planes, "The two densities, and the best discriminator", drawDensities),
      F.plane(planes, "Divergence, distance and slopes against the distance", drawCurves),
    ];

    function drawDensities(context, width, height) {
      const area = { left: 40, top: 22, width: width - 50, height: height - 62 };
      const axes = new F.Axes(context, area, [-4, data.most + 4], [0, 1.02]);
      const grid = Array.from({ length: 241 }, (_, i) => -4 + ((data.most + 8) * i) / 240);
      axes.clipped(() => {
        const curve = (f, colour, dash = []) =>
          axes.line(grid.map((x) => [x, f(x)]), { stroke: F.colour(colour), width: 2, dash });
        curve((x) => sigmoid(logit(x, state.d)), "line", [5, 4]);
        curve((x) => normal(x, 0), "blue");
        curve((x) => normal(x, state.d), "orange");
      });
      axes.frame({ xlabel: "x" });
      legend(context, axes.left, [["data", "blue"], ["samples", "orange"], ["D (dashed)", "text"]]);
      grip.place(axes.px(state.d), axes.py(0.4));
    }

    function drawCurves(context, width, height) {
      const area = { left: 40, top: 22, width: width - 50, height: height - 62 };
      const axes = new F.Axes(context, area, [0, data.most], [0, 3.2]);
      const now = measured(state.d);
      axes.clipped(() => {
        axes.line([[0, 0], [data.most, data.most]], { stroke: F.colour("purple"), width: 2 });
        for (const [key, colour, , dash] of CURVES) {
          axes.line(table.map((row) => [row.d, row[key]]), { stroke: F.colour(colour), width: 2, dash });
          axes.dot(state.d, now[key], 4, F.colour(colour));
        }
        axes.dot(state.d, state.d, 4, F.colour("purple"));
      });
      axes.frame({ xlabel: "distance d" });
      legend(context, axes.left, [
        ["W\u2081", "purple"], ["JS", "blue"], ["slopes: saturating", "orange"], ["other", "green"],
      ]);
    }

    function move(d) {
      state.d = Math.min(data.most, Math.max(0, d));
      slider.set(state.d);
      update();
    }

    const grip = F.handle(shown[0].frame, {
      label: "Place of the samples; arrow keys left and right move it",
      drag(px) {
        walker.stop();
        const width = shown[0].frame.clientWidth - 50;
        move(Math.round(20 * (-4 + ((px - 40) / width) * (data.most + 8))) / 20);
      },
      step(dx, dy) {
        walker.stop();
        move(state.d + 0.1 * (dx + dy));
      },
    });
    const controls = F.element("div", "controls", live);
    const slider = F.slider(controls, {
      label: "<i>d</i>", say: "Distance", min: 0, max: data.most, step: 0.05,
      value: state.d, show: (value) => F.number(value),
      change(value) {
        walker.stop();
        state.d = value;
        update();
      },
    });
    const walker = F.walker(move, (going) => words.running(going));
    F.button(controls, "move apart", () => walker.walk(0, data.most, SECONDS));
    const words = F.reading(live, 2);

    const update = F.once(() => {
      shown.forEach(({ paint }) => paint());
      const { js, saturating, other } = measured(state.d);
      words.set(
        `d = ${F.number(state.d)}: JS ${F.number(js, 4)} of at most 0.6931, W\u2081 ${F.number(state.d)}.`,
        `Slope felt: saturating ${F.number(saturating, 4)}, other ${F.number(other, 4)}, W\u2081 ${state.d > 0 ? 1 : 0}.`,
      );
    });
    update();
  });
})();
