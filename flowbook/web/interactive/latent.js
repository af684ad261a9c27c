// A plane of two latents: a point moves, and the decoder, evaluated here, draws.
(() => {
  "use strict";
  const F = window.Flowbook;
  const SIDE = 3.6; // of the plane, from the centre
  const IMAGE = 8; // pixels along a side
  // Paper and ink, as in flowbook.plots.latent: images look the same on both pages.
  const PAPER = [255, 255, 255];
  const INK = [0.08, 0.12, 0.25].map((v) => 255 * v);
  // log(1 + exp(v)) without overflow.
  const softplus = (v) => Math.max(v, 0) + Math.log1p(Math.exp(-Math.abs(v)));
  const sigmoid = (v) => Math.exp(-softplus(-v));

  // The mean of a discretized logistic: each level gets the mass around it. The sum over
  // levels of the mass at or above each of them is the mean.
  function meanLevel(raw, logScale, levels) {
    const location = ((raw + 1) * (levels - 1)) / 2;
    const inverse = Math.exp(-logScale);
    let mean = 0;
    for (let level = 1; level < levels; level++) mean += sigmoid((location - level + 0.5) * inverse);
    return mean;
  }

  F.figure("latent", (live, data) => {
    const net = F.perceptron(data.decoder);
    const codes = F.unpack(data.codes);
    const state = { z: [...data.start] };

    function decode(z) {
      const out = net(z);
      const pixels = out.length / 2;
      return Array.from({ length: pixels }, (_, i) => meanLevel(out[i], out[pixels + i], data.levels));
    }

    const planes = F.element("div", "planes latent", live);
    const map = F.plane(planes, "Test digits in the plane of the two latents", drawMap);
    const digit = F.plane(planes, "The digit that the decoder draws for the point", drawDigit);

    function axesOf(context, width, height) {
      const area = { left: 42, top: 6, width: width - 48, height: height - 48 };
      return new F.Axes(context, area, [-SIDE, SIDE], [-SIDE, SIDE]);
    }

    function drawMap(context, width, height) {
      const axes = axesOf(context, width, height);
      const [cx, cy] = [axes.px(0), axes.py(0)];
      const unit = axes.px(1) - cx;
      const ring = (radius) => context.arc(cx, cy, radius * unit, 0, 2 * Math.PI);
      context.beginPath();
      ring(data.shell[1]);
      context.arc(cx, cy, data.shell[0] * unit, 0, 2 * Math.PI, true);
      context.fillStyle = F.withAlpha("blue", 0.18);
      context.fill();
      context.beginPath();
      ring(Math.SQRT2);
      context.strokeStyle = F.colour("blue");
      context.lineWidth = 1.25;
      context.setLineDash([5, 4]);
      context.stroke();
      context.setLineDash([]);
      const font = context.font;
      context.font = font.replace("12px", width > 330 ? "600 12px" : "600 10px");
      context.textAlign = "center";
      context.textBaseline = "middle";
      axes.clipped(() => data.labels.forEach((label, i) => {
        context.fillStyle = F.TEN[label];
        context.fillText(label, axes.px(codes[2 * i]), axes.py(codes[2 * i + 1]));
      }));
      context.font = font;
      axes.frame({ xlabel: "first latent", ylabel: "second latent" });
      grip.place(axes.px(state.z[0]), axes.py(state.z[1]));
    }

    function drawDigit(context, width, height) {
      const image = decode(state.z);
      const size = Math.min(width, height);
      const [left, top] = [(width - size) / 2, (height - size) / 2];
      const pixel = size / IMAGE;
      image.forEach((level, i) => {
        const share = level / (data.levels - 1);
        const mix = PAPER.map((paper, j) => Math.round(paper + share * (INK[j] - paper)));
        context.fillStyle = `rgb(${mix.join(", ")})`;
        const [row, column] = [Math.floor(i / IMAGE), i % IMAGE];
        context.fillRect(left + column * pixel, top + row * pixel, pixel + 0.6, pixel + 0.6);
      });
      context.strokeStyle = F.colour("line");
      context.lineWidth = 1;
      context.strokeRect(left + 0.5, top + 0.5, size - 1, size - 1);
    }

    const clamp = (value) => Math.min(SIDE, Math.max(-SIDE, value));

    function move(z) {
      state.z = z.map(clamp);
      sliders.forEach((each, i) => each.set(state.z[i]));
      update();
    }

    function aim(px, py) {
      walker.stop();
      const axes = axesOf(null, map.frame.clientWidth, map.frame.clientHeight);
      move([axes.toX(px), axes.toY(py)]);
    }

    const grip = F.handle(map.frame, {
      label: "Point of the latent plane; arrow keys move it",
      drag: aim,
      step(dx, dy) {
        walker.stop();
        move([state.z[0] + 0.1 * dx, state.z[1] + 0.1 * dy]);
      },
    });
    let held = false;
    const follow = (event) => {
      const box = map.frame.getBoundingClientRect();
      aim(event.clientX - box.left, event.clientY - box.top);
    };
    map.canvas.addEventListener("pointerdown", (event) => {
      held = event.pointerType === "mouse";
      if (held) map.canvas.setPointerCapture(event.pointerId);
    });
    map.canvas.addEventListener("pointermove", (event) => held && follow(event));
    map.canvas.addEventListener("pointerup", () => (held = false));
    map.canvas.addEventListener("click", follow);

    const controls = F.element("div", "controls", live);
    const sliders = [0, 1].map((i) => F.slider(controls, {
      label: `<i>z</i>${"\u2081\u2082"[i]}`, say: `Latent ${i + 1}`, min: -SIDE, max: SIDE, step: 0.05,
      value: state.z[i], show: (v) => F.number(v),
      change(value) {
        walker.stop();
        state.z[i] = value;
        update();
      },
    }));
    const walker = F.walker((angle) => {
      move([Math.SQRT2 * Math.cos(angle), Math.SQRT2 * Math.sin(angle)]);
    }, (on) => words.running(on));
    F.button(controls, "walk round the circle", () => {
      const from = Math.atan2(state.z[1], state.z[0]);
      walker.walk(from, from + 2 * Math.PI, 16);
    });
    const words = F.reading(live, 2);

    function tell() {
      const length = Math.hypot(...state.z);
      const nearer = 100 * -Math.expm1((-length * length) / 2);
      const image = decode(state.z);
      const ink = image.reduce((sum, level) => sum + level, 0) / image.length;
      words.set(
        `z = (${state.z.map((v) => F.number(v)).join(", ")}), length ${F.number(length)}; ` +
          `${F.number(nearer, 1)} % of the prior's mass is nearer to the centre.`,
        `Mean ink of the decoded image: ${F.number(ink, 3)} of ${data.levels - 1} levels.`,
      );
    }

    const update = F.once(() => {
      map.paint();
      digit.paint();
      tell();
    });
    update();
  });
})();
