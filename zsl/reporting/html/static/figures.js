"use strict";
// Draw figures when they come near the viewport, and redraw them when the colour scheme changes.
(() => {
  const NARROW = 560;
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const drawn = new Map();

  const coloured = (value, style, key = "") => {
    if (Array.isArray(value)) return value.map((item) => coloured(item, style, key));
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, coloured(item, style, name)]));
    }
    return key.endsWith("color") && String(value).startsWith("--") ? style.getPropertyValue(value).trim() : value;
  };

  const merged = (base, over) => {
    const result = { ...base };
    for (const [key, value] of Object.entries(over)) {
      const both = [base[key], value].every((item) => item && typeof item === "object" && !Array.isArray(item));
      result[key] = both ? merged(base[key], value) : value;
    }
    return result;
  };

  const base = (narrow, layout) => {
    const axis = { gridcolor: "--rule", linecolor: "--rule", zerolinecolor: "--rule", title: { standoff: 10 }, tickfont: { color: "--muted" } };
    const legend = narrow ? { orientation: "h", x: 0, xanchor: "left", y: -0.2, yanchor: "top" } : { x: 1.02, y: 1 };
    const own = {
      font: { family: "system-ui, sans-serif", size: narrow ? 12 : 13, color: "--ink" },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      margin: { l: 54, r: 12, t: 28, b: 48 },
      hoverlabel: { bgcolor: "--paper", bordercolor: "--muted", font: { color: "--ink" }, align: "left" },
      legend: { bgcolor: "rgba(0,0,0,0)", ...legend },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: "--muted", activecolor: "--ink" },
      dragmode: narrow ? false : "zoom",
    };
    for (const name of Object.keys(layout)) if (/^[xy]axis\d*$/.test(name)) own[name] = axis;
    return own;
  };

  const draw = (place, plot) => {
    const style = getComputedStyle(root);
    const narrow = place.clientWidth < NARROW;
    const layout = merged(base(narrow, plot.layout), plot.layout);
    if (narrow && !plot.layout.legend && layout.showlegend !== false) {
      layout.height += 19 * Math.min(16, plot.data.filter((trace) => trace.showlegend !== false).length);
    }
    place.style.height = `${layout.height}px`;
    const buttons = ["select2d", "lasso2d", "autoScale2d"];
    const config = { responsive: true, displaylogo: false, modeBarButtonsToRemove: buttons, displayModeBar: narrow ? false : "hover" };
    Plotly.react(place, coloured(plot.data, style), coloured(layout, style), config);
    drawn.set(place, plot);
  };

  const waiting = new Map();
  const watch = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) if (isIntersecting) now(target);
  }, { rootMargin: "400px" });
  const now = (place) => {
    watch.unobserve(place);
    if (waiting.has(place)) draw(place, waiting.get(place));
    waiting.delete(place);
  };
  const soon = (place, plot) => {
    waiting.set(place, plot);
    watch.unobserve(place);
    watch.observe(place);
  };
  const read = (id) => JSON.parse(document.getElementById(id).textContent);

  for (const place of document.querySelectorAll("[data-plot]")) soon(place, read(place.dataset.plot));

  const pickers = [...document.querySelectorAll(".picker select")];
  const pairs = [...document.querySelectorAll("[data-pair]")].map((pair) => [pair, read(pair.dataset.pair)]);
  const choose = () => {
    for (const [pair, plots] of pairs) {
      for (const picker of pickers) {
        const figure = pair.querySelector(`[data-slot="${picker.dataset.slot}"]`);
        const [place, words] = [figure.querySelector(".plot"), figure.querySelector(".words")];
        const plot = plots[picker.value];
        figure.hidden = picker.value === "";
        figure.querySelector(".row-name").textContent = picker.selectedOptions[0].textContent;
        figure.classList.toggle("nothing", !plot);
        words.replaceChildren(...(plot?.words ?? []).map((text) => {
          const item = document.createElement("li");
          item.textContent = text;
          return item;
        }));
        if (plot && !figure.hidden) {
          place.style.height = `${plot.layout.height}px`;
          soon(place, plot);
        } else {
          waiting.delete(place);
          drawn.delete(place);
          Plotly.purge(place);
        }
      }
    }
  };
  for (const picker of pickers) picker.addEventListener("change", choose);
  choose();

  const redraw = () => { for (const [place, plot] of drawn) draw(place, plot); };
  dark.addEventListener("change", redraw);
  addEventListener("beforeprint", () => {
    root.classList.add("printing");
    for (const place of [...waiting.keys()]) now(place);
    redraw();
  });
  addEventListener("afterprint", () => {
    root.classList.remove("printing");
    redraw();
  });
})();
