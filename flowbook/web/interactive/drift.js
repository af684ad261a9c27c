// Points that follow a velocity field: where they are, and one's log-density on the way.
(() => {
  "use strict";
  const F = window.Flowbook;
  const HUES = 24;
  const SECONDS = 5; // that the whole way takes when it runs

  F.figure("drift", (live, data) => {
    const [times, count] = data.log_prob.shape;
    const path = F.unpack(data.path);
    const logProb = F.unpack(data.log_prob);
    const last = times - 1;
    const state = { at: 0, chosen: 0 };

    const between = (a, b, share) => a + share * (b - a);
    // A number of the table at a time between two of its rows.
    function on(table, width, column, at) {
      const row = Math.min(last - 1, Math.floor(at));
      const from = table[row * width + column];
      return between(from, table[(row + 1) * width + column], at - row);
    }
    const place = (i, at) => [0, 1].map((j) => on(path, 2 * count, 2 * i + j, at));
    const density = (i, at) => on(logProb, count, i, at);

    const range = (numbers) => {
      const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
      const margin = 0.05 * (high - low);
      return [low - margin, high + margin];
    };
    const view = [0, 1].map((j) => range(path.filter((_, i) => i % 2 === j)));
    const hues = Array.from({ length: count }, (_, i) => {
      const [x, y] = place(i, 0).map((v, j) => v - (view[j][0] + view[j][1]) / 2);
      const turn = Math.atan2(y, x) / (2 * Math.PI);
      return Math.floor(((turn + 1) % 1) * HUES);
    });

    function planeOf(context, width, height) {
      const area = { left: 30, top: 22, width: width - 36, height: height - 46 };
      return new F.Axes(context, area, view[0], view[1]);
    }

    let placeHandle = () => {};

    function drawPoints(context, width, height) {
      const axes = planeOf(context, width, height);
      axes.clipped(() => {
        const way = Array.from({ length: times }, (_, k) => place(state.chosen, k));
        axes.line(way, { stroke: F.colour("line"), width: 1.5 });
        for (let i = 0; i < count; i++) {
          axes.dot(...place(i, state.at), 2, `hsl(${(360 * hues[i]) / HUES} 67% 46%)`);
        }
      });
      axes.frame();
      placeHandle(axes);
    }

    function drawDensity(context, width, height) {
      const area = { left: 44, top: 22, width: width - 52, height: height - 62 };
      const curve = Array.from({ length: times }, (_, k) => [k / last, density(state.chosen, k)]);
      const axes = new F.Axes(context, area, [0, 1], range(logProb));
      axes.clipped(() => {
        axes.line(curve, { stroke: F.colour("blue"), width: 2 });
        axes.dot(state.at / last, density(state.chosen, state.at), 4.5, F.colour("orange"));
      });
      axes.frame({ xlabel: "t", ylabel: "log p" });
    }

    const planes = F.element("div", "planes", live);
    const shown = [
      F.plane(planes, "The points at this time, with the path of one of them", drawPoints),
      F.plane(planes, "Log-density of this point against time", drawDensity),
    ];

    const update = F.once(() => {
      shown.forEach(({ paint }) => paint());
      const point = place(state.chosen, state.at).map((v) => F.number(v, 3)).join(", ");
      const change = density(state.chosen, state.at) - density(state.chosen, 0);
      words.set(
        `At t = ${F.number(state.at / last, 3)} the point is at (${point}).`,
        `Its log-density is ${F.number(density(state.chosen, state.at), 3)}: a change of ` +
          `${F.number(change, 3)} on the way, minus the integral of the trace.`,
      );
    });

    // The point nearest to the mouse or the touch.
    function aim(px, py) {
      const { clientWidth: width, clientHeight: height } = shown[0].frame;
      const axes = planeOf(null, width, height);
      let best = Infinity;
      for (let i = 0; i < count; i++) {
        const [x, y] = place(i, state.at);
        const distance = Math.hypot(axes.px(x) - px, axes.py(y) - py);
        if (distance < best) [best, state.chosen] = [distance, i];
      }
      update();
    }
    shown[0].frame.addEventListener("click", (event) => {
      if (!event.detail) return;
      const box = shown[0].frame.getBoundingClientRect();
      aim(event.clientX - box.left, event.clientY - box.top);
    });
    const grip = F.handle(shown[0].frame, {
      label: "Point whose path is drawn; arrow keys choose another",
      drag: aim,
      step(dx, dy) {
        state.chosen = (state.chosen + (dx || dy > 0 ? dx || 1 : -1) + count) % count;
        update();
      },
    });
    placeHandle = (axes) => {
      const [x, y] = place(state.chosen, state.at);
      grip.place(axes.px(x), axes.py(y));
    };

    const controls = F.element("div", "controls", live);
    const time = F.slider(controls, {
      label: "time", say: "Time", min: 0, max: 1, step: 0.01, value: 0,
      show: (value) => F.number(value, 2),
      change(value) {
        walker.stop();
        state.at = value * last;
        update();
      },
    });
    const walker = F.walker((value) => {
      state.at = value * last;
      time.set(value);
      update();
    }, (going) => words.running(going));
    F.button(controls, "z \u2192 x", () => walker.walk(0, 1, SECONDS)).title = "Forwards in time";
    F.button(controls, "x \u2192 z", () => walker.walk(1, 0, SECONDS)).title = "Backwards in time";
    const words = F.reading(live, 2);
    update();
  });
})();
