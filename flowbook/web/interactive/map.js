// A map of the line with the inverse z = c x + a x³: strips, the map, both densities.
(() => {
  "use strict";
  const F = window.Flowbook;
  const Z = [-3.2, 3.2];
  const X = [-2.6, 2.6];
  const GRIPS = [1, 2.5]; // the z of the two points by which the curve is pulled
  const TALLEST = 1.25; // of the densities' axes
  const LIMITS = { slope: [0.4, 3], bend: [0, 3] };

  const normal = (z) => Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
  const steps = ([low, high], count) =>
    Array.from({ length: count + 1 }, (_, i) => low + ((high - low) * i) / count);
  const within = (value, [low, high]) => Math.min(high, Math.max(low, value));

  class Map {
    constructor(slope, bend) {
      Object.assign(this, { slope, bend });
    }

    inverse(x) {
      return this.slope * x + this.bend * x ** 3;
    }

    dzdx(x) {
      return this.slope + 3 * this.bend * x * x;
    }

    // Solve the cubic equation; without the cubic term it is linear.
    forward(z) {
      const { slope: c, bend: a } = this;
      if (a < 1e-9) return z / c;
      const angle = Math.asinh(((1.5 * z) / c) * Math.sqrt((3 * a) / c)) / 3;
      return 2 * Math.sqrt(c / (3 * a)) * Math.sinh(angle);
    }

    density(x) {
      return normal(this.inverse(x)) * this.dzdx(x);
    }

    // The mass that is left if the factor dz/dx is forgotten: the trapezoidal rule.
    forgetful() {
      const [low, high] = [this.forward(-9), this.forward(9)];
      const grid = steps([low, high], 4000);
      return grid.reduce((sum, x) => sum + normal(this.inverse(x)), 0) * ((high - low) / 4000);
    }
  }

  F.figure("map", (live, data) => {
    const state = { slope: data.slope, bend: data.bend, strip: 7, forget: false };
    const { edges } = data;
    const count = edges.length - 1;
    const mass = 1 / (count + 2); // two tails have the same mass as a strip
    const map = () => new Map(state.slope, state.bend);

    const main = F.element("div", "planes single", live);
    const shown = F.plane(
      main, "A base density below a map, and the density of x beside it", draw,
    );

    function panels(context, width, height) {
      const [left, gap] = [38, 16];
      const right = Math.max(90, 0.27 * width);
      const below = Math.max(70, 0.24 * height);
      const wide = width - left - gap - right - 8;
      const high = height - below - gap - 56;
      const top = 22;
      const area = (x, y, w, h) => ({ left: x, top: y, width: w, height: h });
      return {
        curve: new F.Axes(context, area(left, top, wide, high), Z, X),
        base: new F.Axes(context, area(left, top + high + gap, wide, below), Z, [0, 0.45]),
        side: new F.Axes(context, area(left + wide + gap, top, right, high), [0, TALLEST], X),
      };
    }

    const stripColour = (k, alpha) => F.withAlpha(k % 2 ? "orange" : "blue", alpha);

    function draw(context, width, height) {
      const { curve, base, side } = panels(context, width, height);
      const here = map();
      const images = edges.map((z) => here.forward(z));
      for (let k = 0; k < count; k++) {
        const alpha = k === state.strip ? 0.85 : 0.38;
        const z = steps([edges[k], edges[k + 1]], 12);
        const x = steps([images[k], images[k + 1]], 24);
        base.fill([[z[0], 0], ...z.map((v) => [v, normal(v)]), [z.at(-1), 0]], stripColour(k, alpha));
        side.clipped(() =>
          side.fill([[0, x[0]], ...x.map((v) => [here.density(v), v]), [0, x.at(-1)]], stripColour(k, alpha)),
        );
      }
      const k = state.strip;
      const lane = stripColour(k, 0.16);
      curve.clipped(() => {
        curve.fill([[edges[k], X[0]], [edges[k], images[k]], [edges[k + 1], images[k + 1]], [edges[k + 1], X[0]]], lane);
        curve.fill([[edges[k], images[k]], [Z[1], images[k]], [Z[1], images[k + 1]], [edges[k + 1], images[k + 1]]], lane);
        edges.forEach((z, i) =>
          curve.line([[z, X[0]], [z, images[i]], [Z[1], images[i]]], { stroke: F.withAlpha("line", 0.35), width: 0.75 }),
        );
        curve.line(steps(Z, 160).map((z) => [z, here.forward(z)]), { stroke: F.colour("strong"), width: 2 });
      });
      base.line(steps(Z, 120).map((z) => [z, normal(z)]), { stroke: F.colour("strong"), width: 1.5 });
      const grid = steps(X, 260);
      side.clipped(() => {
        side.line(grid.map((x) => [here.density(x), x]), { stroke: F.colour("strong"), width: 1.5 });
        if (state.forget) {
          side.line(grid.map((x) => [normal(here.inverse(x)), x]), { stroke: F.colour("red"), width: 1.8, dash: [5, 4] });
        }
      });
      curve.frame({ below: false, ylabel: "x = f(z)" });
      base.frame({ xlabel: "z", yticks: [[0, "0"], [0.2, "0.2"], [0.4, "0.4"]] });
      side.frame({ xlabel: "density of x", yticks: side.ticks(X, 5).map(([v]) => [v, ""]), xticks: [[0, "0"], [0.5, "0.5"], [1, "1"]] });
      context.textAlign = "left";
      context.textBaseline = "top";
      context.fillStyle = F.colour("text");
      context.fillText("the map", curve.left, 3);
      context.fillText("density of z", base.left + 6, base.top - 2);
      GRIPS.forEach((z, i) => grips[i].place(curve.px(z), curve.py(within(here.forward(z), X))));
    }

    // Two points on the curve decide both numbers: c x + a x³ = z is linear in them.
    function pull(index, x) {
      const here = map();
      const targets = GRIPS.map((z) => here.forward(z));
      targets[index] = within(x, [0.05, X[1]]);
      const [x1, x2] = targets;
      const bend = (GRIPS[1] / x2 - GRIPS[0] / x1) / (x2 * x2 - x1 * x1);
      state.bend = within(Number.isFinite(bend) ? bend : 0, LIMITS.bend);
      const held = targets[index];
      state.slope = within(GRIPS[index] / held - state.bend * held * held, LIMITS.slope);
      sync();
    }

    const grips = GRIPS.map((z, i) => F.handle(shown.frame, {
      label: `Point of the curve at z = ${z}; arrow keys up and down move it`,
      drag(_, py) {
        const { clientWidth: width, clientHeight: height } = shown.frame;
        pull(i, panels(null, width, height).curve.toY(py));
      },
      step: (dx, dy) => pull(i, map().forward(z) + 0.02 * (dx + dy)),
    }));

    shown.frame.addEventListener("pointermove", (event) => {
      const box = shown.frame.getBoundingClientRect();
      const { curve, base, side } = panels(null, shown.frame.clientWidth, shown.frame.clientHeight);
      const [px, py] = [event.clientX - box.left, event.clientY - box.top];
      const z = px > side.left && py < side.top + side.height ? map().inverse(curve.toY(py)) : curve.toX(px);
      if (px < base.left || z < edges[0] || z >= edges[count]) return;
      state.strip = edges.findLastIndex((edge) => edge <= z);
      sync();
    });

    const controls = F.element("div", "controls", live);
    const sliders = {
      slope: F.slider(controls, {
        label: "<i>c</i>", say: "c, the coefficient of x", min: LIMITS.slope[0], max: LIMITS.slope[1], step: 0.05,
        value: state.slope, show: (v) => F.number(v), change: (v) => change("slope", v),
      }),
      bend: F.slider(controls, {
        label: "<i>a</i>", say: "a, the coefficient of x cubed", min: LIMITS.bend[0], max: LIMITS.bend[1], step: 0.05,
        value: state.bend, show: (v) => F.number(v), change: (v) => change("bend", v),
      }),
      strip: F.slider(controls, {
        label: "strip", say: "Strip that is followed", min: 1, max: count, step: 1,
        value: state.strip + 1, show: (v) => `${v} of ${count}`, change: (v) => change("strip", v - 1),
      }),
    };
    F.tick(controls, { label: "forget the slope", change: (on) => change("forget", on) });
    const words = F.reading(live, 3);

    function change(name, value) {
      state[name] = value;
      update();
    }

    function sync() {
      sliders.slope.set(state.slope);
      sliders.bend.set(state.bend);
      sliders.strip.set(state.strip + 1);
      update();
    }

    function tell() {
      const here = map();
      const z = [edges[state.strip], edges[state.strip + 1]];
      const x = z.map((value) => here.forward(value));
      const [before, after] = [z[1] - z[0], x[1] - x[0]];
      const range = ([low, high]) => `${F.number(low, 3)} to ${F.number(high, 3)}`;
      words.set(
        `The strip from z = ${range(z)} lands on x = ${range(x)}.`,
        `Width ${F.number(before, 3)} becomes ${F.number(after, 3)}, mean height ` +
          `${F.number(mass / before, 3)} becomes ${F.number(mass / after, 3)}; the mass stays ${F.number(mass, 4)}.`,
        state.forget
          ? `Without the slope (dashed) the whole mass is ${F.number(here.forgetful(), 3)} instead of 1.`
          : `At x = 0 the density is ${F.number(here.density(0), 3)}.`,
      );
    }

    const update = F.once(() => {
      shown.paint();
      tell();
    });
    update();
  });
})();
