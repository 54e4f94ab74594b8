"use strict";
(() => {
  const root = document.documentElement;
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const drawn = new Set();
  const dark = window.matchMedia("(prefers-color-scheme: dark)");

  // Colours are names in the data and values in the style sheet, so one page serves both themes.
  const coloured = (node, style) => {
    if (typeof node === "string" && node.startsWith("$")) {
      const name = /^\$\d$/.test(node) ? "c" + node.slice(1) : node.slice(1);
      return style.getPropertyValue("--" + name).trim();
    }
    if (Array.isArray(node)) return typeof node[0] === "object" ? node.map((each) => coloured(each, style)) : node;
    if (node && typeof node === "object") {
      return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, coloured(value, style)]));
    }
    return node;
  };

  const draw = (place) => {
    const style = getComputedStyle(root);
    const value = (name) => style.getPropertyValue("--" + name).trim();
    const narrow = place.clientWidth < 520;
    const figure = coloured(figures[place.dataset.figure], style);
    const axis = {
      gridcolor: value("grid"), zerolinecolor: value("rule"), linecolor: value("rule"), automargin: true,
      tickfont: { size: 11 }, title: { font: { size: 11.5 }, standoff: 6 },
    };
    const merged = (own = {}) => ({ ...axis, ...own, title: { ...axis.title, ...own.title } });
    const { xaxis, yaxis, yaxis2, ...rest } = figure.layout;
    const layout = {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", hovermode: "x", dragmode: narrow ? false : "zoom",
      font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: value("muted") },
      margin: { l: narrow ? 8 : 14, r: narrow ? 6 : 12, t: 8, b: 8 }, bargap: 0.15,
      legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", xanchor: "left", font: { size: narrow ? 10.5 : 12 },
        traceorder: "normal" },
      hoverlabel: { bgcolor: value("card"), bordercolor: value("rule"), font: { color: value("ink") } },
      xaxis: merged({ ...xaxis, showgrid: false }), yaxis: merged(yaxis), ...rest,
    };
    if (yaxis2) layout.yaxis2 = merged(yaxis2.overlaying ? { tickmode: "auto", ...yaxis2, showgrid: false } : yaxis2);
    Plotly.react(place, figure.data, layout, { displayModeBar: false, responsive: true });
    drawn.add(place);
  };

  const dress = (theme) => {
    root.dataset.theme = theme;
    drawn.forEach(draw);
  };
  dress(dark.matches ? "dark" : "light");
  dark.addEventListener("change", (event) => dress(event.matches ? "dark" : "light"));
  document.getElementById("theme").addEventListener("click", () => dress(root.dataset.theme === "dark" ? "light" : "dark"));

  // A chart is drawn when it comes near the window: a page of many tokens opens at once.
  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (entry.isIntersecting && !drawn.has(entry.target)) draw(entry.target);
    }
  }, { rootMargin: "600px" });
  document.querySelectorAll("[data-figure]").forEach((place) => near.observe(place));
  window.addEventListener("beforeprint", () => document.querySelectorAll("[data-figure]").forEach(draw));
})();
