// A trained flow of the plane: its density and its points on their way through layers.
(() => {
  "use strict";
  const F = window.Flowbook;
  const MOVING = 100; // pixels along a side of the density's picture while it moves,
  const RESTING = 200; // and a moment later
  const HUES = 24;
  // As flowbook.plots.style.DENSITY: nothing where there is no mass, only the page.
  const STOPS = [[0, "blue", 0], [0.4, "blue", 1], [0.7, "purple", 1], [1, "orange", 1]];

  const between = (a, b, share) => a + share * (b - a);

  const pairs = (numbers) =>
    Array.from({ length: numbers.length / 2 }, (_, i) => [numbers[2 * i], numbers[2 * i + 1]]);

  // 256 colours from nothing to the top, as red, green, blue, alpha.
  function colourTable() {
    const table = new Uint8ClampedArray(4 * 256);
    const parts = (name) => [1, 3, 5].map((i) => parseInt(F.colour(name).slice(i, i + 2), 16));
    for (let i = 0; i < 256; i++) {
      const value = i / 255;
      const at = Math.max(1, STOPS.findIndex(([stop]) => stop >= value));
      const [[low, from, alpha0], [high, to, alpha1]] = [STOPS[at - 1], STOPS[at]];
      const share = (value - low) / (high - low);
      const [a, b] = [parts(from), parts(to)];
      for (let j = 0; j < 3; j++) table[4 * i + j] = between(a[j], b[j], share);
      table[4 * i + 3] = 255 * between(alpha0, alpha1, share);
    }
    return table;
  }

  // A full, darkened turn of the colour wheel holds on a white and on a dark page.
  function hues(points) {
    return points.map(([first, second]) => {
      const turn = Math.atan2(second, first) / (2 * Math.PI);
      return Math.floor(((turn + 1) % 1) * HUES);
    });
  }

  const hueColour = (hue) => `hsl(${(360 * hue) / HUES} 67% 46%)`;

  // ---- the figure -----------------------------------------------------------------------

  F.figure("flow", (live, data) => {
    const names = Object.keys(data.flows);
    const z = pairs(F.unpack(data.z));
    const x = pairs(F.unpack(data.x));
    const trained = {};
    const get = (name) => (trained[name] ??= new F.TrainedFlow(data.flows[name], z, x));
    const state = { name: names[0], at: 0, cloud: "z", probe: [0.8, 0.6] };
    const flow = () => get(state.name);
    const sheet = document.createElement("canvas");
    let painted = ""; // what the sheet shows
    let size = RESTING;
    let rest = 0;

    function axesOf(context, width, height) {
      const { box } = flow().view(state.at);
      const area = { left: 30, top: 22, width: width - 36, height: height - 46 };
      return new F.Axes(context, area, box.slice(0, 2), box.slice(2));
    }

    // Paint the density on its sheet, unless only the point has moved.
    function paintSheet(box, top, table) {
      const wanted = [state.name, state.at, size, F.colour("page")].join();
      if (painted === wanted) return;
      painted = wanted;
      sheet.width = sheet.height = size;
      const image = new ImageData(size, size);
      flow().density(state.at, box, size).forEach((value, i) => {
        const at = 4 * Math.min(255, Math.round((255 * value) / top));
        for (let j = 0; j < 4; j++) image.data[4 * i + j] = table[at + j];
      });
      sheet.getContext("2d").putImageData(image, 0, 0);
    }

    // Coarse while it moves, fine as soon as it rests.
    function moved() {
      size = MOVING;
      clearTimeout(rest);
      rest = setTimeout(() => {
        size = RESTING;
        update();
      }, 120);
      update();
    }

    function title(context, axes, text) {
      context.fillStyle = F.colour("text");
      context.textAlign = "left";
      context.textBaseline = "top";
      context.fillText(text, axes.left, 3);
    }

    function circle(axes) {
      if (!data.circle || state.at >= 1) return;
      axes.context.globalAlpha = 1 - state.at;
      const turn = Array.from({ length: 97 }, (_, i) => (2 * Math.PI * i) / 96);
      const points = turn.map((a) => [data.circle * Math.cos(a), data.circle * Math.sin(a)]);
      axes.clipped(() => axes.line(points, { stroke: F.colour("text"), width: 1.2, dash: [4, 4] }));
      axes.context.globalAlpha = 1;
    }

    let placeHandle = () => {};

    function drawDensity(context, width, height) {
      const axes = axesOf(context, width, height);
      const { box, top } = flow().view(state.at);
      const table = colourTable();
      paintSheet(box, top, table);
      context.imageSmoothingQuality = "high";
      context.drawImage(sheet, axes.left, axes.top, axes.width, axes.height);
      axes.frame();
      title(context, axes, "density");
      legend(context, axes, top, table);
      circle(axes);
      placeHandle(axes);
    }

    function legend(context, axes, top, table) {
      // The title, the two numbers and some air stand in the same line.
      const room = axes.width - context.measureText("density").width - 60;
      const length = Math.max(12, Math.min(70, room));
      const from = axes.left + axes.width - length - 34;
      for (let i = 0; i < length; i++) {
        const at = 4 * Math.round((255 * i) / length);
        const [r, g, b, a] = table.subarray(at, at + 4);
        context.fillStyle = `rgba(${r}, ${g}, ${b}, ${a / 255})`;
        context.fillRect(from + i, 4, 1.5, 9);
      }
      context.strokeStyle = F.colour("line");
      context.lineWidth = 0.75;
      context.strokeRect(from, 4, length, 9);
      context.fillStyle = F.colour("text");
      context.textAlign = "right";
      context.fillText("0", from - 4, 3);
      context.textAlign = "left";
      context.fillText(F.number(top, 2), from + length + 5, 3);
    }

    function drawPoints(context, width, height) {
      const axes = axesOf(context, width, height);
      const points = flow().cloud(state.cloud, state.at);
      const byKind = state.cloud === "x" && data.kinds;
      const groups = byKind ? data.kinds : hues(flow().clouds[state.cloud][0]);
      axes.clipped(() => points.forEach(([first, second], i) => {
        const colour = byKind ? F.TEN[groups[i]] : hueColour(groups[i]);
        axes.dot(first, second, width > 250 ? 1.7 : 1.3, colour);
      }));
      axes.frame();
      title(context, axes, `${points.length} ${state.cloud === "z" ? "samples" : "data points"}`);
      circle(axes);
      const [first, second] = flow().on(state.probe, state.at);
      context.beginPath();
      context.arc(axes.px(first), axes.py(second), 6, 0, 2 * Math.PI);
      context.strokeStyle = F.colour("strong");
      context.lineWidth = 2;
      context.stroke();
    }

    const planes = F.element("div", "planes", live);
    const shown = [
      F.plane(planes, "Density of the plane at this layer, in colours", drawDensity),
      F.plane(planes, "Points of the plane at this layer", drawPoints),
    ];

    const show = (point) => `(${F.number(point[0], 3)}, ${F.number(point[1], 3)})`;

    function tell() {
      const point = flow().on(state.probe, state.at);
      const x = flow().on(state.probe, flow().depth);
      const logZ = F.normalLog(state.probe);
      const logX = flow().logDensity(x, flow().depth);
      const density = Math.exp(flow().logDensity(point, state.at));
      const { depth } = flow();
      const where = state.at === 0 ? "In the base" : state.at === depth
        ? `After all ${depth} layers` : `After ${F.number(state.at, 1)} of ${depth} layers`;
      words.set(
        `z = ${show(state.probe)} \u27f7 x = ${show(x)}`,
        `log p(z) = ${F.number(logZ, 3)}, log|det| = ${F.number(logZ - logX, 3)}, ` +
          `log p(x) = ${F.number(logX, 3)}`,
        `${where} the point is at ${show(point)}; its density there is ${F.number(density, 4)}.`,
      );
    }

    const update = F.once(() => {
      shown.forEach(({ paint }) => paint());
      tell();
    });

    // The point: under the mouse, at a touch, or moved by the arrow keys.
    function aim(px, py) {
      const { clientWidth: width, clientHeight: height } = shown[0].frame;
      const axes = axesOf(null, width, height);
      const inside = (value, [low, high]) => Math.min(high, Math.max(low, value));
      const point = [inside(axes.toX(px), axes.x), inside(axes.toY(py), axes.y)];
      state.probe = flow().back(point, state.at).point;
      update();
    }
    for (const { frame } of shown) {
      const follow = (event) => {
        const box = frame.getBoundingClientRect();
        aim(event.clientX - box.left, event.clientY - box.top);
      };
      frame.addEventListener("pointermove", (event) => {
        if (event.pointerType === "mouse") follow(event);
      });
      frame.addEventListener("click", (event) => {
        if (event.detail) follow(event);
      });
    }
    const grip = F.handle(shown[0].frame, {
      label: "Point that is followed through the layers; arrow keys move it",
      drag: aim,
      step(dx, dy) {
        const { box } = flow().view(state.at);
        const point = flow().on(state.probe, state.at);
        const step = (box[1] - box[0]) / 50;
        const next = [point[0] + dx * step, point[1] + dy * step];
        state.probe = flow().back(next, state.at).point;
        update();
      },
    });
    placeHandle = (axes) => {
      const [first, second] = flow().on(state.probe, state.at);
      grip.place(axes.px(first), axes.py(second));
    };

    const controls = F.element("div", "controls", live);
    const layer = F.slider(controls, {
      label: "layer", say: "Layers passed", min: 0, max: flow().depth, step: 0.1, value: 0,
      show: (value) => `${F.number(value, 1)} of ${flow().depth}`,
      change(value) {
        walker.stop();
        state.at = value;
        moved();
      },
    });
    const walker = F.walker((value) => {
      state.at = value;
      layer.set(value);
      moved();
    }, (on) => words.running(on));
    const go = (cloud) => {
      state.cloud = cloud;
      const depth = flow().depth;
      walker.walk(...(cloud === "z" ? [0, depth] : [depth, 0]), 0.9 * depth);
    };
    F.button(controls, "z \u2192 x", () => go("z")).title = "Generate: from the base to the data";
    F.button(controls, "x \u2192 z", () => go("x")).title = "Normalise: from the data to the base";
    if (names.length > 1) {
      F.choice(controls, {
        legend: "flow", options: Object.fromEntries(names.map((n) => [n, n])), value: names[0],
        change(name) {
          walker.stop();
          const share = state.at / flow().depth;
          state.name = name;
          layer.input.max = flow().depth;
          state.at = Math.round(10 * share * flow().depth) / 10;
          layer.set(state.at);
          update();
        },
      });
    }
    const words = F.reading(live, 3);
    update();
  });
})();
