(() => {
  "use strict";
  const root = document.documentElement;
  const all = [...document.querySelectorAll("details.finding")];
  const search = document.getElementById("search");
  if (!search) return;
  root.classList.add("scripted");
  const fixable = document.getElementById("fixable");
  const platform = document.getElementById("platform");
  const buttons = [...document.querySelectorAll(".filter button")];
  const tally = document.getElementById("tally");
  const none = document.getElementById("none");
  const total = Number(tally.dataset.total);
  const texts = new Map();
  const textOf = (each) => {
    if (!texts.has(each)) texts.set(each, each.textContent.toLowerCase());
    return texts.get(each);
  };
  const apply = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const chosen = buttons.filter((each) => each.getAttribute("aria-pressed") === "true")
      .map((each) => each.dataset.severity);
    const where = platform ? platform.value : "";
    let shown = 0;
    for (const each of all) {
      const fits = (!chosen.length || chosen.includes(each.dataset.severity))
        && (!fixable.checked || each.dataset.fixable === "yes")
        && (!where || each.dataset.platforms.split(" ").includes(where))
        && words.every((word) => textOf(each).includes(word));
      each.hidden = !fits;
      shown += fits ? 1 : 0;
    }
    tally.textContent = shown === total ? `${total} findings` : `${shown} of ${total} findings`;
    if (total === 1) tally.textContent = shown ? "1 finding" : "0 of 1 findings";
    none.hidden = shown > 0;
  };
  search.addEventListener("input", apply);
  fixable.addEventListener("change", apply);
  if (platform) platform.addEventListener("change", apply);
  for (const each of buttons) {
    each.addEventListener("click", () => {
      each.setAttribute("aria-pressed", String(each.getAttribute("aria-pressed") !== "true"));
      apply();
    });
  }
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== search) { event.preventDefault(); search.focus(); }
    if (event.key === "Escape" && document.activeElement === search) { search.value = ""; apply(); }
  });
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = all.filter((each) => !each.open && !each.hidden);
    for (const each of opened) each.open = true;
  });
  addEventListener("afterprint", () => { for (const each of opened) each.open = false; });
  apply();
})();
