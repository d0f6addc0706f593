
"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const form = $("filters");
  const inputs = { text: $("f-text"), severity: $("f-severity"), role: $("f-role"), holder: $("f-holder"), accepted: $("f-accepted") };
  const kinds = { role: "roles", holder: "holders" };
  const fold = (s) => s.toLowerCase();

  // The entries that filters hide, with what they look at. Made when it is first needed.
  let entries;
  const collect = () => {
    if (entries) return entries;
    entries = [];
    for (const e of document.querySelectorAll(".finding, .change")) {
      const entry = { e, text: fold(e.textContent), severity: e.dataset.s, accepted: e.classList.contains("accepted"), roles: [], holders: [] };
      for (const list of e.querySelectorAll("[data-k]")) {
        const names = entry[fold(list.dataset.k)];
        if (names) for (const li of list.querySelectorAll("li")) names.push(li.textContent.trim());
      }
      // The guide and the heading above an entry belong to it.
      const above = e.parentElement.querySelector(".guide, .run-h");
      if (above) entry.text += " " + fold(above.textContent);
      entries.push(entry);
    }
    for (const table of document.querySelectorAll(".rows")) {
      const columns = [...table.tHead.rows[0].cells].map((th) => th.dataset.k);
      const has = { roles: columns.includes("roles"), holders: columns.includes("holders") };
      for (const tr of table.querySelectorAll("tbody > tr:not(.run-h)")) {
        const entry = { e: tr, text: fold(tr.textContent + " " + (tr.dataset.f || "")) };
        for (const kind of ["roles", "holders"]) {
          if (!has[kind]) continue;
          const names = entry[kind] = [];
          columns.forEach((k, i) => {
            if (k !== kind || !tr.cells[i]) return;
            const items = tr.cells[i].querySelectorAll("li");
            if (items.length) for (const li of items) names.push(li.textContent.trim());
            else names.push(tr.cells[i].textContent.trim());
          });
        }
        entries.push(entry);
      }
    }
    return entries;
  };

  // Names to choose from, offered when somebody first looks at the field.
  for (const field of ["role", "holder"]) {
    inputs[field].addEventListener("focus", () => {
      const names = new Set();
      for (const entry of collect()) for (const name of entry[kinds[field]] || []) if (name) names.add(name);
      const options = document.createDocumentFragment();
      for (const name of [...names].sort().slice(0, 2000)) {
        const option = document.createElement("option");
        option.value = name;
        options.append(option);
      }
      $("l-" + field).replaceChildren(options);
    }, { once: true });
  }

  const matches = (entry, want) => {
    if (want.text.some((word) => !entry.text.includes(word))) return false;
    if (want.severity && "severity" in entry && entry.severity !== want.severity) return false;
    if (want.accepted && entry.accepted) return false;
    for (const field of ["role", "holder"]) {
      const names = entry[kinds[field]];
      if (want[field] && names && !names.some((name) => fold(name).includes(want[field]))) return false;
    }
    return true;
  };

  const opened = new Set(); // details that the filters opened
  const apply = () => {
    const want = {
      text: fold(inputs.text.value).split(/\s+/).filter(Boolean), role: fold(inputs.role.value.trim()), holder: fold(inputs.holder.value.trim()),
      severity: inputs.severity ? inputs.severity.value : "", accepted: inputs.accepted && inputs.accepted.checked,
    };
    const narrow = want.text.length || want.role || want.holder;
    const active = narrow || want.severity || want.accepted;
    for (const d of opened) d.open = false;
    opened.clear();
    let shown = 0;
    const alive = new Set(); // what contains a match
    const all = collect();
    for (const entry of all) {
      const match = !active || matches(entry, want);
      entry.e.hidden = !match;
      if (!match) continue;
      shown++;
      const section = entry.e.closest("section");
      alive.add(section).add(entry.e.parentElement);
      const around = narrow && entry.e.parentElement.closest("details");
      if (around && !around.open) { around.open = true; opened.add(around); }
    }
    for (const box of document.querySelectorAll(".group, .run, .rows > tbody")) box.hidden = !alive.has(box);
    for (const none of document.querySelectorAll("section > .none")) {
      none.hidden = !active || alive.has(none.parentElement);
      const box = none.parentElement.querySelector(".box");
      if (box) box.hidden = !none.hidden;
    }
    $("f-count").textContent = active ? shown.toLocaleString("en-US") + " of " + all.length.toLocaleString("en-US") + " entries match" : "";
  };

  let timer;
  form.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(apply, 120); });
  form.addEventListener("reset", () => { clearTimeout(timer); timer = setTimeout(apply, 0); });
  form.addEventListener("submit", (event) => { event.preventDefault(); apply(); });
  const toggle = (open) => { for (const d of document.querySelectorAll("main details")) d.open = open; };
  $("f-open").addEventListener("click", () => toggle(true));
  $("f-close").addEventListener("click", () => toggle(false));

  // Paper shows everything, in browsers that do not know ::details-content too.
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("main details:not([open])")];
    for (const d of closed) d.open = true;
  });
  addEventListener("afterprint", () => { for (const d of closed) d.open = false; });
  const box = $("filter-box");
  box.open = matchMedia("(min-width: 62rem)").matches;
  box.hidden = false;
})();
