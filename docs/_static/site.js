// Figures that zoom, and interactive figures drawn by the site's own copy of Vega.
"use strict";

function zoomable() {
  const dialog = document.createElement("dialog");
  dialog.className = "zoomed";
  dialog.setAttribute("aria-label", "Figure, enlarged");
  dialog.innerHTML = '<button type="button" aria-label="Close">×</button><div tabindex="0"><img alt=""></div>';
  document.body.append(dialog);
  const picture = dialog.querySelector("img");
  dialog.addEventListener("click", (event) => {
    if (event.target !== picture) dialog.close();
    else picture.classList.toggle("full-size");
  });
  for (const link of document.querySelectorAll("a.zoom, article a.image-reference")) {
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      picture.src = link.href;
      picture.alt = link.querySelector("img").alt;
      picture.classList.remove("full-size");
      dialog.showModal();
    });
  }
}

// What a button shows is part of its name.
function named() {
  for (const fold of document.querySelectorAll("summary[aria-label]")) {
    fold.removeAttribute("aria-label");
  }
  for (const button of document.querySelectorAll(".search-button-field")) {
    button.setAttribute("aria-label", button.textContent.replace(/\s+/g, " ").trim());
  }
}

function loaded(script) {
  return new Promise((resolve, reject) => {
    const element = document.createElement("script");
    element.src = script;
    element.onload = resolve;
    element.onerror = reject;
    document.head.append(element);
  });
}

async function interactive() {
  const figures = document.querySelectorAll(".vega-lite");
  if (!figures.length) return;
  await loaded(new URL("vega.js", here));
  for (const figure of figures) {
    const description = JSON.parse(figure.querySelector("script").textContent);
    const drawn = document.createElement("div");
    figure.append(drawn);
    await window.vegaEmbed(drawn, description, { renderer: "canvas", actions: false });
  }
}

const here = document.currentScript.src;
document.addEventListener("DOMContentLoaded", () => {
  named();
  zoomable();
  interactive();
});
