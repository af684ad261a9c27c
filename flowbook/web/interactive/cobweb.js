// The iteration z <- h(z): its cobweb, and its error beside Banach's bound.
(() => {
  "use strict";
  const F = window.Flowbook;
  const MOST = 120; // iterations that are drawn
  const LONGEST = 5000; // iterations that are counted
  const GOAL = 1e-6;
  const FLOOR = 1e-13; // errors below are rounding

  // The map, its Lipschitz constant on the whole line, and its fixed point.
  const MAPS = {
    sine: {
      text: "x \u2212 \u03b2 sin z",
      h: (z, { x, slope }) => x - slope * Math.sin(z),
      fixed(s) {
        let [low, high] = [s.x - s.slope, s.x + s.slope];
        for (let k = 0; k < 200; k++) {
          const middle = (low + high) / 2;
          if (middle > MAPS.sine.h(middle, s)) high = middle;
          else low = middle;
        }
        return (low + high) / 2;
      },
    },
    line: {
      text: "x + \u03b2 z",
      h: (z, { x, slope }) => x + slope * z,
      fixed: ({ x, slope }) => (slope === 1 ? null : x / (1 - slope)),
    },
    softplus: {
      text: "log(1 + e\u1dbb)",
      h: (z) => Math.log1p(Math.exp(z)),
      fixed: () => null,
    },
  };

  F.figure("cobweb", (live, data) => {
    const state = { map: "sine", slope: data.slope, start: data.start, x: data.x, k: 12 };
    const planes = F.element("div", "planes web", live);
    const shown = [
      F.plane(planes, "Cobweb of the iteration between curve and diagonal", drawWeb),
      F.plane(planes, "Error after each iteration and Banach's bound", drawErrors),
    ];

    // All that follows from the settings.
    function run() {
      const { h, fixed } = MAPS[state.map];
      const visited = [state.start];
      while (visited.length <= MOST) visited.push(h(visited.at(-1), state));
      const goal = fixed(state);
      const contracts = state.map !== "softplus" && state.slope < 1;
      const step = Math.abs(visited[1] - visited[0]);
      const bound = (k) => (state.slope ** k / (1 - state.slope)) * step;
      return { visited, goal, contracts, bound, error: (z) => Math.abs(z - goal) };
    }

    function needed(reached) {
      for (let k = 0; k <= LONGEST; k++) if (reached(k)) return k;
      return null;
    }

    // Iterations until the error is at most GOAL, and how many Banach asks for.
    function counts({ goal, contracts, bound, error }) {
      const { h } = MAPS[state.map];
      let z = state.start;
      const really = goal === null ? null : needed((k) => {
        if (k) z = h(z, state);
        return error(z) <= GOAL;
      });
      return { really, promised: contracts ? needed((k) => bound(k) <= GOAL) : null };
    }

    function view({ visited, goal }) {
      const finite = visited.slice(0, state.k + 1).filter(Number.isFinite);
      const points = [...finite, -1.2, 3.2, goal ?? 0].map((v) => Math.min(40, Math.max(-40, v)));
      const [low, high] = [Math.min(...points), Math.max(...points)];
      const margin = low < -1.2 || high > 3.2 ? 0.06 * (high - low) : 0;
      return [low - margin, high + margin];
    }

    function drawWeb(context, width, height) {
      const now = run();
      const range = view(now);
      const area = { left: 36, top: 22, width: width - 44, height: height - 62 };
      const axes = new F.Axes(context, area, range, range);
      const { h } = MAPS[state.map];
      axes.clipped(() => {
        axes.line(range.map((v) => [v, v]), { stroke: F.colour("line"), width: 1, dash: [5, 4] });
        const grid = Array.from({ length: 241 }, (_, i) => range[0] + ((range[1] - range[0]) * i) / 240);
        axes.line(grid.map((z) => [z, h(z, state)]), { stroke: F.colour("blue"), width: 2 });
        const path = [[now.visited[0], now.visited[0]]];
        for (let k = 1; k <= state.k; k++) {
          path.push([now.visited[k - 1], now.visited[k]], [now.visited[k], now.visited[k]]);
        }
        axes.line(path, { stroke: F.colour("orange"), width: 1.4 });
        if (now.goal !== null) {
          axes.context.beginPath();
          axes.context.arc(axes.px(now.goal), axes.py(now.goal), 5, 0, 2 * Math.PI);
          axes.context.strokeStyle = F.colour("strong");
          axes.context.lineWidth = 1.5;
          axes.context.stroke();
        }
        const last = now.visited[state.k];
        axes.dot(last, last, 4.5, F.colour("orange"));
      });
      axes.frame({ xlabel: "z", ylabel: "h(z)" });
      context.textAlign = "left";
      context.textBaseline = "top";
      context.fillText(`h(z) = ${MAPS[state.map].text}`, axes.left, 3);
      grip.place(axes.px(state.start), axes.py(state.start));
    }

    function drawErrors(context, width, height) {
      const now = run();
      const powers = [2, -13];
      const area = { left: 44, top: 22, width: width - 52, height: height - 62 };
      const axes = new F.Axes(context, area, [0, MOST], [powers[1], powers[0]]);
      const height10 = (value) => Math.log10(Math.max(value, FLOOR / 10));
      axes.clipped(() => {
        const ks = Array.from({ length: MOST + 1 }, (_, k) => k);
        if (now.contracts) {
          axes.line(ks.map((k) => [k, height10(now.bound(k))]), { stroke: F.colour("blue"), width: 1.6, dash: [6, 4] });
        }
        if (now.goal !== null) {
          const errors = ks.map((k) => [k, height10(now.error(now.visited[k]))]);
          axes.line(errors, { stroke: F.withAlpha("orange", 0.35), width: 1.4 });
          axes.line(errors.slice(0, state.k + 1), { stroke: F.colour("orange"), width: 2 });
          axes.dot(...errors[state.k], 4, F.colour("orange"));
        }
        if (now.goal === null) {
          // No solution, no error: what can be seen is how far each step goes.
          const sizes = ks.slice(1).map((k) => [k, height10(Math.abs(now.visited[k] - now.visited[k - 1]))]);
          axes.line(sizes, { stroke: F.withAlpha("orange", 0.35), width: 1.4 });
          axes.line(sizes.slice(0, state.k), { stroke: F.colour("orange"), width: 2 });
        }
        axes.line([[0, -6], [MOST, -6]], { stroke: F.withAlpha("line", 0.5), width: 0.75 });
      });
      const yticks = [0, -3, -6, -9, -12].map((p) => [p, F.powerOfTen(p)]);
      axes.frame({ xlabel: "iterations k", yticks });
      context.textAlign = "left";
      context.textBaseline = "top";
      context.fillStyle = F.colour("orange");
      context.fillText(now.goal === null ? "size of the step" : "error", axes.left, 3);
      context.fillStyle = F.colour("blue");
      if (now.contracts) context.fillText("Banach's bound (dashed)", axes.left + 44, 3);
    }

    const grip = F.handle(shown[0].frame, {
      label: "Start of the iteration; arrow keys left and right move it",
      drag(px) {
        const width = shown[0].frame.clientWidth;
        const [low, high] = view(run());
        const z = low + ((px - 36) / (width - 44)) * (high - low);
        setStart(Math.round(20 * z) / 20);
      },
      step: (dx, dy) => setStart(state.start + 0.05 * (dx + dy)),
    });

    function setStart(value) {
      state.start = Math.min(3.2, Math.max(-1.2, value));
      start.set(state.start);
      update();
    }

    const controls = F.element("div", "controls", live);
    const change = (name) => (value) => {
      state[name] = value;
      update();
    };
    F.choice(controls, {
      legend: "h(z) =", value: "sine",
      options: Object.fromEntries(Object.entries(MAPS).map(([key, { text }]) => [key, text])),
      change: change("map"),
    });
    const slope = F.slider(controls, {
      label: "slope \u03b2", say: "Slope beta", min: 0, max: 1.5, step: 0.01, value: state.slope,
      show: (v) => F.number(v), change: change("slope"),
    });
    const start = F.slider(controls, {
      label: "start z\u2080", say: "Start of the iteration", min: -1.2, max: 3.2, step: 0.05, value: state.start,
      show: (v) => F.number(v), change: change("start"),
    });
    const iterations = F.slider(controls, {
      label: "steps k", say: "Number of iterations", min: 0, max: MOST, step: 1, value: state.k,
      show: (v) => F.number(v, 0),
      change(value) {
        walker.stop();
        change("k")(value);
      },
    });
    const walker = F.walker((value) => {
      state.k = Math.round(value);
      iterations.set(state.k);
      update();
    }, (on) => words.running(on));
    F.button(controls, "iterate", () => {
      const from = state.k >= 40 ? 0 : state.k;
      walker.walk(from, 40, 0.15 * (40 - from));
    });
    const words = F.reading(live, 3);

    function tell() {
      const now = run();
      slope.input.disabled = state.map === "softplus";
      const { really, promised } = counts(now);
      const last = now.visited[state.k];
      const distance = now.goal === null ? "" : `, ${F.scientific(now.error(last))} from the fixed point ${F.number(now.goal, 6)}`;
      const bounded = now.contracts
        ? `Banach's bound is ${F.scientific(now.bound(state.k))}.`
        : state.map === "softplus"
          ? "The slope is below 1 everywhere, but no one number below 1 bounds it; there is no fixed point."
          : "The slope reaches 1 or more: no contraction, and Banach promises nothing.";
      const steps = (count) => (count === null ? `more than ${LONGEST}` : count);
      words.set(
        `After ${state.k} steps z = ${Math.abs(last) < 1e6 ? F.number(last, 6) : F.scientific(last)}${distance}.`,
        bounded,
        now.contracts ? `For an error of 10\u207b\u2076: ${steps(really)} steps; Banach asks for ${steps(promised)}.` : "",
      );
    }

    const update = F.once(() => {
      shown.forEach(({ paint }) => paint());
      tell();
    });
    update();
  });
})();
