// Beta on the rate-distortion curve of the linear beta-VAE, and digits decoded there.
(() => {
  "use strict";
  const F = window.Flowbook;
  const IMAGE = 8; // pixels along a side
  const COLUMNS = 5; // digits in a row
  const PAPER = [255, 255, 255];
  const INK = [0.08, 0.12, 0.25].map((v) => 255 * v);
  const SECONDS = 8; // that the whole way takes when it runs

  F.figure("beta", (live, data) => {
    const variances = F.unpack(data.variances);
    const vectors = F.unpack(data.vectors); // row by row, one column an eigenvector
    const mean = F.unpack(data.mean);
    const codes = F.unpack(data.codes);
    const dim = variances.length;
    const [low, high] = [data.range[0], data.range[1]].map(Math.log2);
    const state = { beta: data.beta };

    // Reverse water-filling: rate and squared error at a level.
    function filled(level) {
      let [rate, error, active] = [0, 0, 0];
      for (const variance of variances) {
        if (variance > level) {
          rate += 0.5 * Math.log(variance / level);
          active++;
        }
        error += Math.min(variance, level);
      }
      return { rate, error, active };
    }

    const levelOf = (beta) => beta * data.sigma2;
    const curve = Array.from({ length: 161 }, (_, i) => {
      const { rate, error } = filled(levelOf(2 ** (low + ((high - low) * i) / 160)));
      return [error, rate];
    });

    // The decoded mean of a digit: each coefficient shrinks by 1 - level / variance.
    function decoded(digit, level) {
      const image = Array.from(mean);
      for (let i = 0; i < dim; i++) {
        if (variances[i] <= level) continue;
        const size = (1 - level / variances[i]) * codes[digit * dim + i];
        for (let pixel = 0; pixel < dim; pixel++) image[pixel] += size * vectors[pixel * dim + i];
      }
      return image;
    }

    function exact(digit) {
      return decoded(digit, 0);
    }

    const planes = F.element("div", "planes", live);
    const shown = [
      F.plane(planes, "Rate against squared error, with the place of this beta", drawCurve),
      F.plane(planes, "Ten digits, and below each what the model decodes", drawDigits),
    ];

    function drawCurve(context, width, height) {
      const area = { left: 44, top: 22, width: width - 54, height: height - 62 };
      const now = filled(levelOf(state.beta));
      const axes = new F.Axes(context, area, [0, 5], [0, Math.ceil(curve[0][1])]);
      axes.clipped(() => {
        axes.line(curve, { stroke: F.colour("blue"), width: 2 });
        // The tangent: one nat more saves twice the level of squared error.
        const slope = -1 / (2 * levelOf(state.beta));
        const ends = [0, 5].map((x) => [x, now.rate + slope * (x - now.error)]);
        axes.line(ends, { stroke: F.colour("line"), width: 1, dash: [5, 4] });
        axes.dot(now.error, now.rate, 5, F.colour("orange"));
      });
      axes.frame({ xlabel: "squared error D", ylabel: "" });
      context.textAlign = "left";
      context.textBaseline = "top";
      context.fillText("rate R, nats", axes.left, 3);
    }

    function drawImage(context, image, left, top, size) {
      const pixel = size / IMAGE;
      image.forEach((value, i) => {
        const share = Math.min(1, Math.max(0, value));
        const mix = PAPER.map((paper, j) => Math.round(paper + share * (INK[j] - paper)));
        context.fillStyle = `rgb(${mix.join(", ")})`;
        const [row, column] = [Math.floor(i / IMAGE), i % IMAGE];
        context.fillRect(left + column * pixel, top + row * pixel, pixel + 0.6, pixel + 0.6);
      });
      context.strokeStyle = F.colour("line");
      context.lineWidth = 1;
      context.strokeRect(left, top, size, size);
    }

    function drawDigits(context, width, height) {
      const gap = 4;
      const size = Math.min((width - 6 * gap) / COLUMNS, (height - 10 * gap) / 4);
      const left = (width - COLUMNS * size - 4 * gap) / 2;
      const level = levelOf(state.beta);
      for (let digit = 0; digit < codes.length / dim; digit++) {
        const x = left + (digit % COLUMNS) * (size + gap);
        const y = gap + Math.floor(digit / COLUMNS) * (2 * size + 4 * gap);
        drawImage(context, exact(digit), x, y, size);
        drawImage(context, decoded(digit, level), x, y + size + gap, size);
      }
    }

    const controls = F.element("div", "controls", live);
    const beta = F.slider(controls, {
      label: "<i>\u03b2</i>", say: "Beta", min: low, max: high, step: 0.01,
      value: Math.log2(data.beta), show: (value) => F.number(2 ** value),
      change(value) {
        walker.stop();
        state.beta = 2 ** value;
        update();
      },
    });
    const walker = F.walker((value) => {
      state.beta = 2 ** value;
      beta.set(value);
      update();
    }, (going) => words.running(going));
    F.button(controls, "raise \u03b2", () => walker.walk(low, high, SECONDS));
    const words = F.reading(live, 2);

    const update = F.once(() => {
      shown.forEach(({ paint }) => paint());
      const level = levelOf(state.beta);
      const { rate, error, active } = filled(level);
      const word = active === 1 ? "direction is" : "directions are";
      words.set(
        `\u03b2 = ${F.number(state.beta)}: ${active} of ${dim} ${word} coded; ` +
          `rate ${F.number(rate, 3)} nats, squared error ${F.number(error, 3)}.`,
        active
          ? `The next nat would save about ${F.number(2 * level, 3)} of the error.`
          : "Total collapse: every digit is decoded as the mean.",
      );
    });
    update();
  });
})();
