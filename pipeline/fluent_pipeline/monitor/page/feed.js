// The API: JSON, and alerts as they are found.

const SILENCE = 40000; // milliseconds without a byte, after which a stream is dead
let token = null;

export class Refused extends Error {}

export function bear(text) {
  token = text || null;
}

export const hasToken = () => token !== null;

async function ask(path, options = {}) {
  const headers = { ...options.headers };
  if (token !== null) headers.Authorization = `Bearer ${token}`;
  const answer = await fetch(`api/v1/${path}`, { ...options, headers, cache: "no-store" });
  if (answer.status === 401 || answer.status === 403) throw new Refused((await answer.text()).trim());
  if (!answer.ok) throw new Error(`${answer.status} ${(await answer.text()).trim()}`);
  return answer;
}

export const get = async (path) => (await ask(path)).json();

// Follow the stream from an event on, for ever; the answer is what ends that.
export function follow(first, { onAlert, onReset, onState }) {
  const end = new AbortController();
  const state = { last: first, wait: 500 };
  (async () => {
    while (!end.signal.aborted) {
      try {
        await read(state, end.signal, { onAlert, onReset, onState });
      } catch (error) {
        if (end.signal.aborted) return;
        if (error instanceof Refused) {
          onState("refused");
          return;
        }
      }
      onState("waiting");
      await new Promise((resume) => setTimeout(resume, state.wait));
      state.wait = Math.min(state.wait * 2, 15000);
    }
  })();
  return () => end.abort();
}

async function read(state, signal, { onAlert, onReset, onState }) {
  const watch = new AbortController();
  const either = AbortSignal.any([signal, watch.signal]);
  let timer = setTimeout(() => watch.abort(), SILENCE);
  try {
    const headers = { "Last-Event-ID": state.last, Accept: "text/event-stream" };
    const answer = await ask("alerts/stream", { headers, signal: either });
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    onState("live");
    state.wait = 500;
    let text = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      clearTimeout(timer);
      timer = setTimeout(() => watch.abort(), SILENCE);
      const events = (text + value).split("\n\n");
      text = events.pop();
      for (const event of events.map(parsed)) {
        if (event.id) state.last = event.id;
        if (event.event === "alert") onAlert(JSON.parse(event.data));
        if (event.event === "reset") onReset();
      }
    }
  } finally {
    clearTimeout(timer);
  }
}

function parsed(block) {
  const event = { event: "message", data: "" };
  for (const line of block.split("\n")) {
    const at = line.indexOf(": ");
    if (at > 0) event[line.slice(0, at)] = line.slice(at + 2);
  }
  return event;
}
