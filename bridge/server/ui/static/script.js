// The pages work without this. With it, times are the viewer's, and what is shown keeps itself up to date.
"use strict";

(() => {
  const EVERY = 5000; // milliseconds between two looks, or twenty times what a look takes the bridge
  const $ = (id) => document.getElementById(id);

  // Times

  const full = new Intl.DateTimeFormat(undefined, {
    day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
    timeZoneName: "short",
  });
  const hour = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

  // The bridge's clock counts: this machine's may be wrong. The answer's Date tells it.
  let ahead = 0;

  // As bridge.domain.clock.ago writes it.
  function ago(moment) {
    const seconds = (Date.now() + ahead - moment) / 1000;
    if (Math.abs(seconds) < 1) return "now";
    const size = Math.abs(seconds);
    const unit = [["d", 86400], ["h", 3600], ["min", 60]].find(([, each]) => size >= 2 * each);
    const amount = unit ? `${Math.floor(size / unit[1])} ${unit[0]}` : `${Math.round(size)} s`;
    return seconds >= 0 ? `${amount} ago` : `in ${amount}`;
  }

  function localise(within) {
    for (const time of within.querySelectorAll("time[datetime]")) {
      const moment = new Date(time.dateTime);
      if ("at" in time.dataset) time.textContent = full.format(moment);
      else if ("ago" in time.dataset) time.title = full.format(moment);
    }
    inZone(within);
    for (const mark of within.querySelectorAll("text[data-hour]")) {
      mark.textContent = hour.format(new Date(mark.dataset.hour));
    }
    for (const bar of within.querySelectorAll("g[data-bar]")) {
      const title = bar.querySelector("title");
      title.textContent = title.textContent.replace(/^\d\d:\d\d \S+(?=: )/, hour.format(new Date(bar.dataset.bar)));
    }
    tick(within);
  }

  // Reports go by the viewer's days and hours, unless the address names a time zone.
  // Browsers go on using the old names of some.
  const RENAMED = {
    "Asia/Calcutta": "Asia/Kolkata", "Asia/Katmandu": "Asia/Kathmandu", "Asia/Rangoon": "Asia/Yangon",
    "Asia/Saigon": "Asia/Ho_Chi_Minh", "Etc/Unknown": "UTC",
  };
  const named = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const zone = RENAMED[named] ?? named;

  function inZone(within) {
    for (const link of within.querySelectorAll("a[data-in-zone]")) {
      const address = new URL(link.href);
      if (address.searchParams.has("timezone")) continue;
      address.searchParams.set("timezone", zone);
      link.href = address;
    }
    for (const field of within.querySelectorAll("[data-zone-field]")) {
      field.value = zone;
      field.form.querySelector("[data-zone-name]").textContent = zone;
    }
    for (const form of within.querySelectorAll("form[data-in-zone]")) {
      if (form.elements.timezone) continue;
      const field = Object.assign(document.createElement("input"), { type: "hidden", name: "timezone", value: zone });
      form.append(field);
    }
  }

  // As bridge.server.ui.muting, but by the viewer's clock: 8 in the morning there.
  function morning() {
    const moment = new Date(Date.now() + ahead);
    moment.setDate(moment.getDate() + 1);
    moment.setHours(8, 0, 0, 0);
    return moment;
  }

  function tick(within) {
    for (const option of within.querySelectorAll("option[data-morning]")) {
      const moment = morning();
      if (option.value === moment.toISOString()) continue;
      option.value = moment.toISOString();
      option.textContent = `until tomorrow morning (${full.format(moment)})`;
    }
    for (const time of within.querySelectorAll("time[data-ago]")) {
      const text = ago(new Date(time.dateTime));
      if (time.textContent !== text) time.textContent = text;
    }
  }

  // What is live: each element with data-live and an id is exchanged when the bridge shows it again.

  const shown = new Map();
  // Times tick here; that they did over there is no news.
  const compared = (element) => element.innerHTML.replace(/(<time[^>]*>)[^<]*/g, "$1");

  function remember(from) {
    for (const element of from.querySelectorAll("[data-live][id]")) shown.set(element.id, compared(element));
  }

  function exchange(element, fresh) {
    const keys = new Set([...element.querySelectorAll("[data-key]")].map((row) => row.dataset.key));
    replace(element, fresh);
    localise(element);
    const added = [...element.querySelectorAll("[data-key]")].filter((row) => !keys.has(row.dataset.key));
    for (const row of added) row.classList.add("fresh");
    if (element.dataset.news && added.length) {
      $("news").textContent = `${added.length} more ${added.length === 1 ? "message" : "messages"} ${element.dataset.news}`;
    }
  }

  // What a person has opened, written or chosen, and where they are, stays as it is.
  function replace(element, fresh) {
    const open = [...element.querySelectorAll("details[open][id]")].map((each) => each.id);
    const fields = [...element.querySelectorAll(":is(input, select, textarea)[id]")];
    const focused = element.contains(document.activeElement) ? document.activeElement : null;
    const caret = focused?.matches("textarea, input:not([type])") ? [focused.selectionStart, focused.selectionEnd] : null;
    element.replaceChildren(...document.importNode(fresh, true).childNodes);
    for (const id of open) if ($(id)) $(id).open = true;
    for (const field of fields) if ($(field.id)) restore($(field.id), field);
    if (focused?.id && $(focused.id)) {
      $(focused.id).focus({ preventScroll: true });
      if (caret) $(focused.id).setSelectionRange(...caret);
    } else if (focused) refocus(element, focused);
  }

  function refocus(element, before) {
    const same = (each) => each.tagName === before.tagName && each.getAttribute("href") === before.getAttribute("href")
      && each.value === before.value && each.parentElement.id === before.parentElement.id;
    [...element.querySelectorAll(before.tagName)].find(same)?.focus({ preventScroll: true });
  }

  function restore(field, before) {
    if (field.type === "file") field.replaceWith(before);
    else if (field.type === "checkbox") field.checked = before.checked;
    else if (!field.options || [...field.options].some((each) => each.value === before.value)) field.value = before.value;
  }

  // What a page is made of. When that changes (the first message, the last dead letter), all of it is exchanged.
  const made = (page) => [...page.querySelectorAll("main [id]:is([data-live], [data-whole])")].map((each) => each.id).join();

  function update(page) {
    $("news").textContent = ""; // else the same news would not be news again
    if (made(page) !== made(document)) {
      const said = $("said");
      replace($("main"), page.querySelector("main"));
      if (said) $("main").prepend(said);
      begin();
    }
    for (const fresh of page.querySelectorAll("[data-live][id]")) {
      const element = $(fresh.id);
      const text = compared(fresh);
      if (element && shown.get(fresh.id) !== text) {
        shown.set(fresh.id, text);
        exchange(element, fresh);
      }
    }
    if (document.title !== page.title) document.title = page.title;
    const [ours, theirs] = [document, page].map((each) => each.querySelector("link[rel=icon]"));
    if (theirs && ours.getAttribute("href") !== theirs.getAttribute("href")) ours.replaceWith(document.importNode(theirs));
  }

  let answeredAt = Date.now();

  async function look() {
    const response = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
    if (!response.ok && ![400, 404].includes(response.status)) throw new Error(`it says ${response.status}`);
    const date = Date.parse(response.headers.get("Date"));
    if (date) ahead = Math.abs(date - Date.now()) > 5000 ? date - Date.now() : 0;
    update(new DOMParser().parseFromString(await response.text(), "text/html"));
    answeredAt = Date.now();
    $("lost").hidden = true;
  }

  let live = true;
  let waiting;

  function lookAgain(after) {
    clearTimeout(waiting);
    waiting = setTimeout(keepLooking, after);
  }

  async function keepLooking() {
    if (!live || document.hidden) return;
    const began = performance.now();
    try {
      await look();
    } catch (error) {
      $("lost").textContent = `The bridge does not answer (${error.message}). What you see is how it was ${ago(answeredAt + ahead)}.`;
      $("lost").hidden = false;
    }
    lookAgain(Math.max(EVERY, 20 * (performance.now() - began)));
  }

  // The token and the person's name, for as long as the tab is open, if their owner says so.

  const kept = (field) => `wbiz-bridge-${field.name}`;

  function offerToKeep(keep) {
    const { form } = keep;
    const fields = [form.elements.token, form.elements.by].filter(Boolean);
    let known;
    try {
      known = fields.map((field) => sessionStorage.getItem(kept(field)));
    } catch {
      return; // the browser keeps nothing for anybody
    }
    keep.closest("label").hidden = false;
    keep.checked = known.some((value) => value !== null);
    fields.forEach((field, i) => { field.value ||= known[i] ?? ""; });
    keep.addEventListener("change", () => keep.checked || fields.forEach((field) => sessionStorage.removeItem(kept(field))));
    form.addEventListener("submit", () => {
      if (keep.checked) for (const field of fields) sessionStorage.setItem(kept(field), field.value);
    });
  }

  function begin() {
    shown.clear();
    remember(document);
    localise(document);
    for (const keep of document.querySelectorAll("input[data-keep]")) offerToKeep(keep);
    const [all, picks] = [$("pick-all"), () => document.querySelectorAll("input.pick")];
    if (!all) return;
    all.closest("label").hidden = !picks().length;
    all.addEventListener("change", () => picks().forEach((pick) => { pick.checked = all.checked; }));
  }

  // A period or days, not both: what was chosen last counts.
  for (const name of $("period") ? ["period", "since", "until"] : []) {
    $(name).addEventListener("change", () => {
      for (const other of name === "period" ? ["since", "until"] : ["period"]) $(other).value = "";
    });
  }

  if (document.querySelector("[data-report-zone='']")) {
    const here = new URL(location.href);
    here.searchParams.set("timezone", zone);
    location.replace(here);
  }
  begin();
  // What came of a form is said once.
  const address = new URL(location.href);
  if (address.searchParams.has("said")) {
    address.searchParams.delete("said");
    history.replaceState(null, "", address);
  }
  setInterval(() => tick(document), 1000);
  document.querySelector("[data-zone]").textContent = `Times are in ${zone}`;

  $("live").hidden = false;
  $("live").addEventListener("click", () => {
    live = !live;
    $("live").classList.toggle("paused", !live);
    $("live").querySelector(".word").textContent = live ? "Live" : "Paused";
    $("live").querySelector(".visually-hidden").textContent = live ? ": pause it" : ": go on";
    if (live) keepLooking();
  });
  document.addEventListener("visibilitychange", () => document.hidden || keepLooking());
  lookAgain(EVERY);
})();
