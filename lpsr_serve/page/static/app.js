// Follows new reads and the cameras' states. All else is rendered by the server and works without this script.
"use strict";

const MOST_READS = 100;
const CAMERAS_MS = 2000;
const reads = document.getElementById("reads");
const cameras = document.getElementById("cameras");
const connection = document.getElementById("connection");

function localTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(time.dateTime);
    if (!Number.isNaN(moment.valueOf())) {
      time.title = time.textContent;
      time.textContent = moment.toLocaleString();
    }
  }
}

async function fragment(path) {
  const answer = await fetch(path, { headers: { accept: "text/html" } });
  if (answer.redirected || answer.status === 401) {
    location.assign("/login");
    throw new Error("logged out");
  }
  if (!answer.ok) {
    throw new Error(String(answer.status));
  }
  const holder = document.createElement("template");
  holder.innerHTML = await answer.text();
  return holder.content;
}

async function showRead(id) {
  const content = await fragment("/fragments/reads/" + encodeURIComponent(id));
  const item = content.querySelector(".read");
  if (document.getElementById(item.id)) {
    return;
  }
  localTimes(item);
  item.classList.add("new");
  reads.prepend(item);
  while (reads.children.length > MOST_READS) {
    reads.lastElementChild.remove();
  }
  const empty = document.getElementById("empty");
  if (empty) {
    empty.remove();
  }
}

function follow() {
  const events = new EventSource("/api/v1/events");
  events.addEventListener("open", () => {
    connection.textContent = "live";
    connection.classList.add("live");
  });
  events.addEventListener("error", () => {
    connection.textContent = "reconnecting";
    connection.classList.remove("live");
    if (events.readyState === EventSource.CLOSED) {
      setTimeout(follow, 5000);
    }
  });
  events.addEventListener("read", (event) => {
    const told = JSON.parse(event.data);
    if (told.read.event === "final") {
      showRead(told.id).catch(() => {});
    }
  });
}

async function refreshCameras() {
  if (!document.hidden) {
    const content = await fragment("/fragments/sources");
    // A picture replaces the one before when it is there, not before: no flicker.
    const pictures = [...content.querySelectorAll("img")];
    await Promise.allSettled(pictures.map((picture) => picture.decode()));
    const focused = document.activeElement.closest("[data-name]");
    cameras.replaceChildren(content);
    if (focused) {
      focusButton(focused.dataset.name);
    }
  }
}

function focusButton(name) {
  const button = cameras.querySelector(`[data-name="${CSS.escape(name)}"] button`);
  if (button) {
    button.focus();
  }
}

async function keepCamerasFresh() {
  try {
    await refreshCameras();
  } catch {
    // the next attempt follows
  }
  setTimeout(keepCamerasFresh, CAMERAS_MS);
}

function send(method, path, value) {
  return fetch(path, { method, headers: { "content-type": "application/json" }, body: JSON.stringify(value) });
}

async function addCamera(event) {
  event.preventDefault();
  const form = event.target;
  const wrong = document.getElementById("add-wrong");
  const answer = await send("POST", "/api/v1/sources", Object.fromEntries(new FormData(form)));
  wrong.textContent = answer.ok ? "" : (await answer.json()).error;
  if (answer.ok) {
    form.reset();
    form.closest("details").open = false;
    await refreshCameras();
  }
}

async function act(event) {
  const button = event.target.closest("button[data-action]");
  if (!button) {
    return;
  }
  const name = button.closest("[data-name]").dataset.name;
  const path = "/api/v1/sources/" + encodeURIComponent(name);
  if (button.dataset.action === "remove") {
    if (!confirm(`Remove ${name}? Its reads stay.`)) {
      return;
    }
    await fetch(path, { method: "DELETE" });
  } else {
    button.disabled = true;
    await send("PATCH", path, { paused: button.dataset.action === "pause" });
  }
  await refreshCameras();
  focusButton(name);
}

localTimes(document);
if (reads) {
  follow();
}
if (cameras) {
  document.getElementById("add").addEventListener("submit", (event) => addCamera(event).catch(() => {}));
  cameras.addEventListener("click", (event) => act(event).catch(() => {}));
  setTimeout(keepCamerasFresh, CAMERAS_MS);
}
