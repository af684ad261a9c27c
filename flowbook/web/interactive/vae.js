// A trained VAE with two latents: choose an image, draw z from q(z|x), see it decoded.
(() => {
  "use strict";
  const F = window.Flowbook;
  const SIDE = 3.6; // of the plane that is shown, from the centre
  const IMAGE = 8; // pixels along a side
  const REACH = 4.5; // of the sum over the plane
  const CELLS = 90; // of that sum, along a side
  // Paper and ink, as in flowbook.plots.latent: images look the same on both pages.
  const PAPER = [255, 255, 255];
  const INK = [0.08, 0.12, 0.25].map((v) => 255 * v);
  const softplus = (v) => Math.max(v, 0) + Math.log1p(Math.exp(-Math.abs(v)));
  const sigmoid = (v) => Math.exp(-softplus(-v));

  // A standard normal number, by the method of Box and Muller.
  const normal = () =>
    Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());

  F.figure("vae", (live, data) => {
    const encoder = F.perceptron(data.encoder);
    const decoder = F.perceptron(data.decoder);
    const images = F.unpack(data.images);
    const pixels = IMAGE * IMAGE;
    const state = { image: data.start, z: [0, 0] };

    // log p(x|z) = sum of x logit - softplus(logit): black pixels and white ones.
    function logLikelihood(x, z) {
      const logits = decoder(z);
      let sum = 0;
      for (let i = 0; i < pixels; i++) sum += x[i] * logits[i] - softplus(logits[i]);
      return sum;
    }

    // The decoder's logits at the middle of each cell, once for all images.
    const width = (2 * REACH) / CELLS;
    const middle = (k) => -REACH + (k + 0.5) * width;
    const logits = new Float32Array(CELLS * CELLS * pixels);
    const rest = new Float64Array(CELLS * CELLS); // what does not depend on x
    for (let cell = 0; cell < CELLS * CELLS; cell++) {
      const z = [middle(cell % CELLS), middle(Math.floor(cell / CELLS))];
      const out = decoder(z);
      let sum = -(z[0] ** 2 + z[1] ** 2) / 2 - Math.log(2 * Math.PI);
      for (let i = 0; i < pixels; i++) {
        logits[cell * pixels + i] = out[i];
        sum -= softplus(out[i]);
      }
      rest[cell] = sum;
    }

    // log p(x), and the posterior's mass in each cell, by a sum over all cells.
    function evidence(x) {
      const joint = rest.slice();
      let top = -Infinity;
      for (let cell = 0; cell < joint.length; cell++) {
        for (let i = 0; i < pixels; i++) joint[cell] += x[i] * logits[cell * pixels + i];
        top = Math.max(top, joint[cell]);
      }
      const mass = joint.map((value) => Math.exp(value - top));
      const total = mass.reduce((sum, value) => sum + value, 0);
      return { logP: top + Math.log(total * width * width), mass: mass.map((m) => m / total) };
    }

    // E_q[log p(x|z)], by a sum over a grid that moves with q.
    function reconstruction(x, mean, std) {
      let [sum, weights] = [0, 0];
      for (let i = -15; i <= 15; i++) {
        for (let j = -15; j <= 15; j++) {
          const weight = Math.exp(-(i * i + j * j) / 18); // steps of a third of std
          const z = [mean[0] + (i / 3) * std[0], mean[1] + (j / 3) * std[1]];
          sum += weight * logLikelihood(x, z);
          weights += weight;
        }
      }
      return sum / weights;
    }

    function encode() {
      const x = images.subarray(state.image * pixels, (state.image + 1) * pixels);
      const out = [...encoder(x)];
      const [mean, std] = [out.slice(0, 2), out.slice(2).map(Math.exp)];
      const kl = [0, 1].reduce(
        (sum, j) => sum + (mean[j] ** 2 + std[j] ** 2 - 1) / 2 - out[2 + j], 0);
      const { logP, mass } = evidence(x);
      Object.assign(state, { x, mean, std, kl, logP, mass });
      state.elbo = reconstruction(x, mean, std) - kl;
    }

    function draw() {
      state.z = state.mean.map((m, j) => m + state.std[j] * normal());
      update();
    }

    const planes = F.element("div", "planes vae", live);
    const original = F.plane(planes, "The image x", (context, w, h) =>
      drawImage(context, w, h, (i) => state.x[i]));
    const map = F.plane(planes, "The plane of z: q(z|x), the exact posterior, and a draw", drawMap);
    const decoded = F.plane(planes, "What the decoder makes of z", (context, w, h) => {
      const out = decoder(state.z);
      drawImage(context, w, h, (i) => sigmoid(out[i]));
    });

    function drawImage(context, w, h, share) {
      const size = Math.min(w, h);
      const [left, top] = [(w - size) / 2, (h - size) / 2];
      const pixel = size / IMAGE;
      for (let i = 0; i < pixels; i++) {
        const mix = PAPER.map((paper, j) => Math.round(paper + share(i) * (INK[j] - paper)));
        context.fillStyle = `rgb(${mix.join(", ")})`;
        const [row, column] = [Math.floor(i / IMAGE), i % IMAGE];
        context.fillRect(left + column * pixel, top + row * pixel, pixel + 0.6, pixel + 0.6);
      }
      context.strokeStyle = F.colour("line");
      context.lineWidth = 1;
      context.strokeRect(left + 0.5, top + 0.5, size - 1, size - 1);
    }

    function axesOf(context, w, h) {
      const area = { left: 42, top: 6, width: w - 48, height: h - 48 };
      return new F.Axes(context, area, [-SIDE, SIDE], [-SIDE, SIDE]);
    }

    function drawMap(context, w, h) {
      const axes = axesOf(context, w, h);
      const top = state.mass.reduce((a, b) => Math.max(a, b), 0);
      axes.clipped(() => {
        state.mass.forEach((mass, cell) => {
          if (mass < 0.01 * top) return;
          const [x, y] = [middle(cell % CELLS), middle(Math.floor(cell / CELLS))];
          context.fillStyle = F.withAlpha("blue", (0.75 * mass) / top);
          const [px, py] = [axes.px(x - width / 2), axes.py(y + width / 2)];
          context.fillRect(px, py, axes.px(x + width / 2) - px, axes.py(y - width / 2) - py);
        });
        for (const [sds, dash] of [[1, []], [2, [4, 3]]]) {
          const ring = Array.from({ length: 61 }, (_, i) => {
            const angle = (2 * Math.PI * i) / 60;
            return [state.mean[0] + sds * state.std[0] * Math.cos(angle),
              state.mean[1] + sds * state.std[1] * Math.sin(angle)];
          });
          axes.line(ring, { stroke: F.colour("orange"), width: 2, dash });
        }
      });
      axes.frame({ xlabel: "first latent", ylabel: "second latent" });
      grip.place(axes.px(state.z[0]), axes.py(state.z[1]));
    }

    const clamp = (value) => Math.min(SIDE, Math.max(-SIDE, value));

    function move(z) {
      state.z = z.map(clamp);
      update();
    }

    const grip = F.handle(map.frame, {
      label: "The z that is decoded; arrow keys move it",
      drag(px, py) {
        const axes = axesOf(null, map.frame.clientWidth, map.frame.clientHeight);
        move([axes.toX(px), axes.toY(py)]);
      },
      step: (dx, dy) => move([state.z[0] + 0.1 * dx, state.z[1] + 0.1 * dy]),
    });

    const controls = F.element("div", "controls", live);
    F.choice(controls, {
      legend: "x:", value: String(state.image),
      options: Object.fromEntries(data.labels.map((label, i) => [String(i), String(label)])),
      change(key) {
        state.image = Number(key);
        encode();
        draw();
      },
    });
    F.button(controls, "draw z, and decode it", draw);
    const words = F.reading(live, 3);

    const pair = (values) => `(${values.map((v) => F.number(v)).join(", ")})`;

    function tell() {
      words.set(
        `Encoded: q(z|x) has mean ${pair(state.mean)} and standard deviations ` +
          `${pair(state.std)}; its divergence to the prior is ${F.number(state.kl)} nats.`,
        `Decoded: z = ${pair(state.z)}, log p(x|z) = ` +
          `${F.number(logLikelihood(state.x, state.z))} nats.`,
        `For this x, all z together: ELBO ${F.number(state.elbo)}, ` +
          `log p(x) = ${F.number(state.logP)}, ` +
          `gap ${F.number(state.logP - state.elbo)} nats.`,
      );
    }

    const update = F.once(() => {
      [original, map, decoded].forEach((each) => each.paint());
      tell();
    });
    encode();
    state.z = [...state.mean];
    update();
  });
})();
