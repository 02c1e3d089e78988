"use strict";
// Sort tables by clicking a heading, and filter the rows of all tables.
(() => {
  const tables = [...document.querySelectorAll("table.results")];
  const order = (header) => (header.classList.contains("number") ? ["descending", "ascending"] : ["ascending", "descending"]);
  const compare = new Intl.Collator("en", { numeric: true }).compare;

  const sort = (table, header) => {
    const [first, second] = order(header);
    const next = header.getAttribute("aria-sort") === first ? second : first;
    for (const other of table.querySelectorAll("th[aria-sort]")) other.setAttribute("aria-sort", "none");
    header.setAttribute("aria-sort", next);
    const sign = next === "ascending" ? 1 : -1;
    const key = (row) => {
      const cell = row.cells[header.cellIndex];
      return header.classList.contains("number") ? cell.dataset.value : cell.textContent;
    };
    const body = table.tBodies[0];
    const rows = [...body.rows].sort((a, b) => {
      const [x, y] = [key(a), key(b)];
      if (!x || !y) return Number(!x) - Number(!y);
      return sign * (header.classList.contains("number") ? Number(x) - Number(y) : compare(x, y));
    });
    table.classList.add("sorted");
    body.append(...rows);
  };

  for (const table of tables) {
    for (const button of table.querySelectorAll("th[aria-sort] button")) {
      button.addEventListener("click", () => sort(table, button.parentElement));
    }
  }

  const field = document.getElementById("filter");
  const rows = tables.flatMap((table) => [...table.tBodies[0].rows]);
  const texts = rows.map((row) => `${row.closest("table").caption.textContent} ${row.textContent}`.toLowerCase());
  const filter = () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    rows.forEach((row, i) => { row.hidden = !words.every((word) => texts[i].includes(word)); });
    for (const table of tables) table.closest(".scroll").hidden = ![...table.tBodies[0].rows].some((row) => !row.hidden);
    const left = rows.filter((row) => !row.hidden).length;
    field.form.querySelector("output").textContent = words.length ? `${left} of ${rows.length}` : "";
  };
  field.addEventListener("input", filter);
  field.form.addEventListener("submit", (event) => event.preventDefault());
  filter();

  const open = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target instanceof HTMLDetailsElement) { target.open = true; target.scrollIntoView(); }
  };
  addEventListener("hashchange", open);
  open();
})();
