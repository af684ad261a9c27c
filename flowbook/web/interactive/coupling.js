// One coupling layer of the plane: the copied number decides how the other is moved.
(() => {
  "use strict";
  const F = window.Flowbook;
  const REACH = 3; // both coordinates of z lie between -REACH and REACH
  const TALL = 5; // and the moved one of x is drawn between -TALL and TALL

  const within = (value) => Math.min(REACH, Math.max(-REACH, value));
  const steps = (count) => Array.from({ length: count + 1 }, (_, i) => REACH * ((2 * i) / count - 1));

  F.figure("coupling", (live, data) => {
    const names = Object.keys(data.layers);
    const layers = {};
    for (const name of names) layers[name] = new F.Coupling(data.layers[name]);
    const state = { name: names.at(-1), z: [...data.start] };
    const layer = () => layers[state.name];

    const planes = F.element("div", "planes hand", live);
    const shown = [
      F.plane(planes, "The moved coordinate after the layer against before it", drawCurve),
      F.plane(planes, "The plane: a grid after the layer, and a point before and after", drawPlane),
    ];

    function axesOf(context, width, height) {
      const area = { left: 40, top: 22, width: width - 50, height: height - 62 };
      return new F.Axes(context, area, [-REACH, REACH], [-TALL, TALL]);
    }

    function title(context, axes, text) {
      context.textAlign = "left";
      context.textBaseline = "top";
      context.fillStyle = F.colour("text");
      context.fillText(text, axes.left, 3);
    }

    // The curve that the network chooses for this z\u2081, and faintly those for others.
    function drawCurve(context, width, height) {
      const axes = axesOf(context, width, height);
      const curve = (z1) => {
        const bend = layer().bend(z1);
        return steps(120).map((z2) => [z2, layer().on([z1, z2], 1, bend)[1]]);
      };
      const [, x2] = layer().on(state.z);
      axes.clipped(() => {
        for (const z1 of steps(6)) axes.line(curve(z1), { stroke: F.withAlpha("line", 0.35), width: 0.8 });
        axes.line(curve(state.z[0]), { stroke: F.colour("blue"), width: 2.2 });
        axes.line([[state.z[1], -TALL], [state.z[1], x2], [-REACH, x2]], { stroke: F.colour("orange"), width: 1.2, dash: [4, 4] });
        axes.dot(state.z[1], x2, 5, F.colour("orange"));
      });
      axes.frame({ xlabel: "z\u2082", ylabel: "x\u2082" });
      title(context, axes, `the map of z\u2082, chosen by z\u2081 = ${F.number(state.z[0])}`);
    }

    function drawPlane(context, width, height) {
      const axes = axesOf(context, width, height);
      const x = layer().on(state.z);
      axes.clipped(() => {
        for (const z2 of steps(12)) {
          const line = steps(120).map((z1) => layer().on([z1, z2]));
          axes.line(line, { stroke: F.withAlpha("line", 0.6), width: 0.9 });
        }
        for (const z1 of steps(6)) {
          axes.line([[z1, -TALL], [z1, TALL]], { stroke: F.withAlpha("line", 0.35), width: 0.8 });
        }
        axes.line([[state.z[0], -TALL], [state.z[0], TALL]], { stroke: F.colour("blue"), width: 2 });
        axes.line([state.z, x], { stroke: F.colour("orange"), width: 2 });
        axes.dot(...x, 5.5, F.colour("orange"));
      });
      axes.frame({ xlabel: "z\u2081 = x\u2081", ylabel: "z\u2082, x\u2082" });
      title(context, axes, "the point z (ring), and x (orange)");
      grip.place(axes.px(state.z[0]), axes.py(state.z[1]));
    }

    function move(z1, z2) {
      state.z = [within(z1), within(z2)];
      sliders.forEach((slider, i) => slider.set(state.z[i]));
      update();
    }

    const grip = F.handle(shown[1].frame, {
      label: "The point z; arrow keys move it",
      drag(px, py) {
        const { clientWidth: width, clientHeight: height } = shown[1].frame;
        const axes = axesOf(null, width, height);
        move(axes.toX(px), axes.toY(py));
      },
      step: (dx, dy) => move(state.z[0] + 0.1 * dx, state.z[1] + 0.1 * dy),
    });

    const controls = F.element("div", "controls", live);
    const sliders = [["copied", 0], ["moved", 1]].map(([part, i]) => F.slider(controls, {
      label: `${part} <i>z</i>${i ? "\u2082" : "\u2081"}`, say: `The ${part} coordinate`,
      min: -REACH, max: REACH, step: 0.05, value: state.z[i], show: (v) => F.number(v),
      change(value) {
        state.z[i] = value;
        update();
      },
    }));
    F.choice(controls, {
      legend: "layer", options: Object.fromEntries(names.map((n) => [n, n])), value: state.name,
      change(name) {
        state.name = name;
        update();
      },
    });
    const words = F.reading(live, 3);

    const update = F.once(() => {
      shown.forEach(({ paint }) => paint());
      const x = layer().on(state.z);
      const { point, det } = layer().back(x);
      words.set(
        `z\u2081 = ${F.number(state.z[0])} is copied; z\u2082 = ${F.number(state.z[1])} becomes x\u2082 = ${F.number(x[1], 3)}.`,
        `Slope there ${F.number(1 / det, 3)}, so log|det| = ${F.number(-Math.log(det), 3)}.`,
        `Back: x\u2081 chooses the same curve, and z\u2082 = ${F.number(point[1], 3)} again.`,
      );
    });
    update();
  });
})();
