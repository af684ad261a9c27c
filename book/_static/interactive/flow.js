// A trained flow of the plane: its density and its points on their way through layers.
(() => {
  "use strict";
  const F = window.Flowbook;
  const NODES = 91; // of the mesh that carries the density, along each side
  const REACH = 3.9; // of the mesh in the base, in standard deviations
  const PIXELS = 170; // of the density's picture, along each side
  const HUES = 24;
  const LOG_TWO_PI = Math.log(2 * Math.PI);
  // As flowbook.plots.style.DENSITY: nothing where there is no mass, only the page.
  const STOPS = [[0, "blue", 0], [0.4, "blue", 1], [0.7, "purple", 1], [1, "orange", 1]];
  const KINDS = ["blue", "orange", "green", "red", "purple", "text", "line", "strong"];

  // ---- layers: each turns a copied number into a function of the moved one ----------

  const affine = (scale, shift) => ({
    to: (m) => m * scale + shift,
    from: (x) => (x - shift) / scale,
    slope: () => scale,
  });

  const FAMILIES = {
    additive: (out) => affine(1, out[0]),
    affine: (out, { bound }) => affine(Math.exp(bound * Math.tanh(out[0] / bound)), out[1]),
    spline,
  };

  // The rational-quadratic spline of flowbook.splines; it maps x to the moved number.
  function spline(out, { bound, smallest }) {
    const bins = (out.length + 1) / 3;
    const ends = (from) => {
      const top = Math.max(...out.subarray(from, from + bins));
      const shares = Array.from(out.subarray(from, from + bins), (v) => Math.exp(v - top));
      const total = shares.reduce((sum, v) => sum + v, 0);
      let end = -bound;
      const size = (v) => 2 * bound * (smallest + (1 - bins * smallest) * (v / total));
      return [end, ...shares.map((v) => (end += size(v)))];
    };
    const x = ends(0);
    const y = ends(bins);
    const elu = (v) => (v < 0 ? Math.expm1(v) : v);
    const steep = (knot) =>
      knot === 0 || knot === bins ? 1 : (1 - smallest) * elu(out[2 * bins + knot - 1]) + 1;
    const slopes = Array.from({ length: bins + 1 }, (_, knot) => steep(knot));
    const locate = (knots, value) => {
      let k = 0;
      while (k < bins - 1 && knots[k + 1] <= value) k++;
      const s = (y[k + 1] - y[k]) / (x[k + 1] - x[k]);
      return { k, s, e0: slopes[k] / s, e1: slopes[k + 1] / s };
    };
    const from = (value) => {
      if (Math.abs(value) >= bound) return value;
      const { k, e0, e1 } = locate(x, value);
      const t = (value - x[k]) / (x[k + 1] - x[k]);
      const p = t * (t + e0 * (1 - t));
      return y[k] + (y[k + 1] - y[k]) * (p / (p + (1 - t) * (1 - t + e1 * t)));
    };
    const place = (moved) => {
      const { k, s, e0, e1 } = locate(y, moved);
      const r = Math.min(1, Math.max(0, (moved - y[k]) / (y[k + 1] - y[k])));
      const e = e0 * (1 - r) - e1 * r;
      const c = 4 * r * (1 - r);
      const total = Math.abs(e) + Math.sqrt(e * e + c);
      const t = (2 * r) / (2 * r + (e > 0 ? total : c / total));
      return { k, s, e0, e1, t };
    };
    const to = (moved) => {
      if (Math.abs(moved) >= bound) return moved;
      const { k, t } = place(moved);
      return x[k] + (x[k + 1] - x[k]) * t;
    };
    const slope = (moved) => {
      if (Math.abs(moved) >= bound) return 1;
      const { s, e0, e1, t } = place(moved);
      const v = 1 - t;
      const a = t + e0 * v;
      const b = v + e1 * t;
      return (t * a + v * b) ** 2 / (s * (v * a + t * b));
    };
    return { to, from, slope };
  }

  // Part of the way through a layer, `share` from 0 to 1, a point is on the straight
  // line to its image. That is an invertible map too, with a determinant of its own.
  function coupling(spec) {
    const net = F.perceptron(spec.net);
    const copied = spec.copied;
    const moved = 1 - copied;
    const bend = (value) => FAMILIES[spec.type](net([value]), spec);
    const put = (c, m) => (copied === 0 ? [c, m] : [m, c]);
    return {
      forward(point, share = 1) {
        const { to, slope } = bend(point[copied]);
        const m = point[moved];
        const det = 1 + share * (slope(m) - 1);
        return { point: put(point[copied], m + share * (to(m) - m)), det };
      },
      inverse(point, share = 1) {
        const { to, from } = bend(point[copied]);
        const goal = point[moved];
        if (share === 1) return put(point[copied], from(goal));
        const way = (m) => m + share * (to(m) - m) - goal;
        let [low, high] = [goal - 1, goal + 1];
        while (way(low) > 0) low -= high - low;
        while (way(high) < 0) high += high - low;
        for (let k = 0; k < 60; k++) {
          const middle = (low + high) / 2;
          if (way(middle) < 0) low = middle;
          else high = middle;
        }
        return put(point[copied], (low + high) / 2);
      },
    };
  }

  function scaling({ scale, shift }) {
    const factors = (share) => scale.map((value) => 1 + share * (value - 1));
    return {
      forward(point, share = 1) {
        const factor = factors(share);
        const image = point.map((v, i) => v * factor[i] + share * shift[i]);
        return { point: image, det: Math.abs(factor[0] * factor[1]) };
      },
      inverse(point, share = 1) {
        const factor = factors(share);
        return point.map((v, i) => (v - share * shift[i]) / factor[i]);
      },
    };
  }

  const makeLayer = (spec) => (spec.type === "scale" ? scaling(spec) : coupling(spec));

  // ---- clouds of points, at every stage ----------------------------------------------

  // All stages of points (an array of pairs), and the determinant of each step.
  function push(layers, points) {
    const stages = [Float64Array.from(points.flat())];
    const dets = [];
    let here = points;
    for (const layer of layers) {
      const det = new Float64Array(here.length);
      here = here.map((point, i) => {
        const step = layer.forward(point);
        det[i] = step.det;
        return step.point;
      });
      stages.push(Float64Array.from(here.flat()));
      dets.push(det);
    }
    return { stages, dets };
  }

  function pull(layers, points) {
    const stages = [Float64Array.from(points.flat())];
    let here = points;
    for (const layer of [...layers].reverse()) {
      here = here.map((point) => layer.inverse(point));
      stages.unshift(Float64Array.from(here.flat()));
    }
    return stages;
  }

  const pairs = (numbers) =>
    Array.from({ length: numbers.length / 2 }, (_, i) => [numbers[2 * i], numbers[2 * i + 1]]);

  const normalLog = ([a, b]) => -LOG_TWO_PI - (a * a + b * b) / 2;

  // A square around the points, with a margin.
  function boxOf(...clouds) {
    const low = [Infinity, Infinity];
    const high = [-Infinity, -Infinity];
    for (const cloud of clouds) {
      cloud.forEach((value, i) => {
        low[i % 2] = Math.min(low[i % 2], value);
        high[i % 2] = Math.max(high[i % 2], value);
      });
    }
    const half = 0.53 * Math.max(high[0] - low[0], high[1] - low[1]);
    return [0, 1].map((i) => (low[i] + high[i]) / 2).map((c) => [c - half, c + half]).flat();
  }

  const between = (a, b, share) => a + share * (b - a);

  class Trained {
    constructor(specs, z, x) {
      this.layers = specs.map(makeLayer);
      this.depth = specs.length;
      this.clouds = { z: push(this.layers, z).stages, x: pull(this.layers, x) };
      this.boxes = this.clouds.z.map((cloud, k) => boxOf(cloud, this.clouds.x[k]));
      this.prepareMesh();
    }

    prepareMesh() {
      const line = Array.from({ length: NODES }, (_, i) => REACH * ((2 * i) / (NODES - 1) - 1));
      const nodes = line.flatMap((first) => line.map((second) => [first, second]));
      const { stages, dets } = push(this.layers, nodes);
      this.mesh = stages;
      this.dets = dets;
      this.logs = [Float64Array.from(nodes, normalLog)];
      dets.forEach((det, k) => {
        this.logs.push(this.logs[k].map((value, i) => value - Math.log(det[i])));
      });
      const mass = Float64Array.from(this.logs[0], Math.exp);
      this.tops = this.logs.map((logs) => topOf(logs, mass));
    }

    // Everything at a stage between layers: 2.5 is half way through the third layer.
    split(at) {
      const k = Math.min(Math.floor(at), this.depth - 1);
      return { k, share: at - k };
    }

    blend(stages, at) {
      const { k, share } = this.split(at);
      return stages[k].map((value, i) => between(value, stages[k + 1][i], share));
    }

    box(at) {
      const { k, share } = this.split(at);
      return this.boxes[k].map((value, i) => between(value, this.boxes[k + 1][i], share));
    }

    top(at) {
      const { k, share } = this.split(at);
      return Math.exp(between(Math.log(this.tops[k]), Math.log(this.tops[k + 1]), share));
    }

    density(at) {
      const { k, share } = this.split(at);
      const det = this.dets[k];
      return this.logs[k].map((value, i) => Math.exp(value) / (1 + share * (det[i] - 1)));
    }

    // The point of the base that is now at `point`.
    back(point, at) {
      const { k, share } = this.split(at);
      let here = share > 0 ? this.layers[k].inverse(point, share) : point;
      for (let i = k - 1; i >= 0; i--) here = this.layers[i].inverse(here);
      return here;
    }

    // Where a point of the base is, and the logarithm of the determinant on the way.
    on(z, at) {
      let here = z;
      let logDet = 0;
      for (let i = 0; i < at; i++) {
        const step = this.layers[i].forward(here, Math.min(1, at - i));
        here = step.point;
        logDet += Math.log(step.det);
      }
      return { point: here, logDet };
    }
  }

  // The density that 2 per cent of the mass exceeds: the top of the colours.
  function topOf(logs, mass) {
    const order = Array.from(logs.keys()).sort((a, b) => logs[b] - logs[a]);
    const total = mass.reduce((sum, value) => sum + value, 0);
    let above = 0;
    for (const i of order) {
      above += mass[i];
      if (above > 0.02 * total) return Math.exp(logs[i]);
    }
    return 1;
  }

  // ---- the density's picture ----------------------------------------------------------

  function colourTable() {
    const table = new Uint8ClampedArray(4 * 256);
    for (let i = 0; i < 256; i++) {
      const value = i / 255;
      const at = Math.max(1, STOPS.findIndex(([stop]) => stop >= value));
      const [[low, from, alpha0], [high, to, alpha1]] = [STOPS[at - 1], STOPS[at]];
      const share = (value - low) / (high - low);
      const hex = (name) => [1, 3, 5].map((j) => parseInt(F.colour(name).slice(j, j + 2), 16));
      const [a, b] = [hex(from), hex(to)];
      for (let j = 0; j < 3; j++) table[4 * i + j] = between(a[j], b[j], share);
      table[4 * i + 3] = 255 * between(alpha0, alpha1, share);
    }
    return table;
  }

  // Paint the mesh, triangle by triangle; between three nodes the density is linear.
  function paintMesh(image, positions, density, box, top) {
    const size = image.width;
    const values = new Float32Array(size * size);
    const scale = size / (box[1] - box[0]);
    const count = positions.length / 2;
    const px = new Float32Array(count);
    const py = new Float32Array(count);
    for (let i = 0; i < count; i++) {
      px[i] = (positions[2 * i] - box[0]) * scale - 0.5;
      py[i] = (box[3] - positions[2 * i + 1]) * scale - 0.5;
    }
    const triangle = (a, b, c) => {
      const top3 = Math.max(density[a], density[b], density[c]);
      if (top3 < 0.003 * top) return;
      const [x0, y0, x1, y1, x2, y2] = [px[a], py[a], px[b], py[b], px[c], py[c]];
      const area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0);
      if (area === 0) return;
      const left = Math.max(0, Math.ceil(Math.min(x0, x1, x2)));
      const right = Math.min(size - 1, Math.floor(Math.max(x0, x1, x2)));
      const upper = Math.max(0, Math.ceil(Math.min(y0, y1, y2)));
      const lower = Math.min(size - 1, Math.floor(Math.max(y0, y1, y2)));
      for (let y = upper; y <= lower; y++) {
        for (let x = left; x <= right; x++) {
          const u = ((x - x0) * (y2 - y0) - (x2 - x0) * (y - y0)) / area;
          const v = ((x1 - x0) * (y - y0) - (x - x0) * (y1 - y0)) / area;
          if (u < 0 || v < 0 || u + v > 1) continue;
          values[y * size + x] = density[a] * (1 - u - v) + density[b] * u + density[c] * v;
        }
      }
    };
    for (let i = 0; i + 1 < NODES; i++) {
      for (let j = 0; j + 1 < NODES; j++) {
        const at = i * NODES + j;
        triangle(at, at + 1, at + NODES);
        triangle(at + 1, at + NODES + 1, at + NODES);
      }
    }
    return values;
  }

  function colourIn(image, values, top, table) {
    for (let i = 0; i < values.length; i++) {
      const at = 4 * Math.min(255, Math.round((255 * values[i]) / top));
      for (let j = 0; j < 4; j++) image.data[4 * i + j] = table[at + j];
    }
  }

  // A full, darkened turn of the colour wheel holds on a white and on a dark page.
  function hues(points) {
    return Array.from({ length: points.length / 2 }, (_, i) => {
      const turn = Math.atan2(points[2 * i + 1], points[2 * i]) / (2 * Math.PI);
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
    const get = (name) => (trained[name] ??= new Trained(data.flows[name], z, x));
    const state = { name: names[0], at: 0, cloud: "z", probe: [0.8, 0.6] };
    const flow = () => get(state.name);
    const image = new ImageData(PIXELS, PIXELS);
    const sheet = document.createElement("canvas");
    sheet.width = sheet.height = PIXELS;
    let table = null;
    let theme = null;

    function axesOf(context, width, height) {
      const box = flow().box(state.at);
      const area = { left: 30, top: 22, width: width - 36, height: height - 46 };
      return new F.Axes(context, area, box.slice(0, 2), box.slice(2));
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
      const top = flow().top(state.at);
      if (theme !== document.documentElement.dataset.theme || !table) {
        theme = document.documentElement.dataset.theme;
        table = colourTable();
      }
      const positions = flow().blend(flow().mesh, state.at);
      const density = flow().density(state.at);
      const box = [...axes.x, ...axes.y];
      colourIn(image, paintMesh(image, positions, density, box, top), top, table);
      sheet.getContext("2d").putImageData(image, 0, 0);
      context.imageSmoothingQuality = "high";
      context.drawImage(sheet, axes.left, axes.top, axes.width, axes.height);
      axes.frame();
      title(context, axes, "density");
      legend(context, axes, top);
      circle(axes);
      placeHandle(axes);
    }

    function legend(context, axes, top) {
      const length = Math.min(70, axes.width / 3);
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
      const points = flow().blend(flow().clouds[state.cloud], state.at);
      const byKind = state.cloud === "x" && data.kinds;
      const groups = byKind ? data.kinds : hues(flow().clouds[state.cloud][0]);
      axes.clipped(() => {
        const size = width > 250 ? 2.6 : 2;
        groups.forEach((group, i) => {
          context.fillStyle = byKind ? F.colour(KINDS[group]) : hueColour(group);
          const [px, py] = [axes.px(points[2 * i]), axes.py(points[2 * i + 1])];
          context.fillRect(px - size / 2, py - size / 2, size, size);
        });
      });
      axes.frame();
      const what = state.cloud === "z" ? "samples of the base" : "data";
      title(context, axes, `${groups.length} ${what}`);
      circle(axes);
      const { point } = flow().on(state.probe, state.at);
      context.beginPath();
      context.arc(axes.px(point[0]), axes.py(point[1]), 6, 0, 2 * Math.PI);
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
      const { point, logDet } = flow().on(state.probe, state.at);
      const end = flow().on(state.probe, flow().depth);
      const logZ = normalLog(state.probe);
      const where = state.at === 0 ? "In the base" : state.at === flow().depth
        ? `After all ${state.at} layers` : `After ${F.number(state.at, 1)} of ${flow().depth} layers`;
      words.set(
        `z = ${show(state.probe)} \u27f7 x = ${show(end.point)}`,
        `log p(z) = ${F.number(logZ, 3)}, log|det| = ${F.number(end.logDet, 3)}, ` +
          `log p(x) = ${F.number(logZ - end.logDet, 3)}`,
        `${where} the point is at ${show(point)}; its density there is ${F.number(Math.exp(logZ - logDet), 4)}.`,
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
      state.probe = flow().back(point, state.at);
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
        const box = flow().box(state.at);
        const { point } = flow().on(state.probe, state.at);
        const size = (box[1] - box[0]) / 50;
        state.probe = flow().back([point[0] + dx * size, point[1] + dy * size], state.at);
        update();
      },
    });
    placeHandle = (axes) => {
      const { point } = flow().on(state.probe, state.at);
      grip.place(axes.px(point[0]), axes.py(point[1]));
    };

    const controls = F.element("div", "controls", live);
    const layer = F.slider(controls, {
      label: "layer", say: "Layers passed", min: 0, max: flow().depth, step: 0.1, value: 0,
      show: (value) => `${F.number(value, 1)} of ${flow().depth}`,
      change(value) {
        walker.stop();
        state.at = value;
        update();
      },
    });
    const walker = F.walker((value) => {
      state.at = value;
      layer.set(value);
      update();
    }, (on) => words.running(on));
    const go = (cloud) => {
      state.cloud = cloud;
      const depth = flow().depth;
      walker.walk(...(cloud === "z" ? [0, depth] : [depth, 0]), 0.9 * depth);
    };
    F.button(controls, "z \u2192 x: generate", () => go("z"));
    F.button(controls, "x \u2192 z: normalise", () => go("x"));
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
