// Keeps a page live, and adds what needs a script: copying, and lists that submit
// themselves. It builds no verdict: htmx fetches the page again and swaps the parts.
'use strict';
(() => {
  const body = document.body;
  const by = id => document.getElementById(id);
  const source = body.dataset.events;
  let events = null, opened = 0, timer = 0, failed = 0;

  function refresh() {
    if (timer || document.hidden) return;
    timer = setTimeout(() => { timer = 0; body.dispatchEvent(new CustomEvent('live')); }, 300);
  }

  function live(state) {
    const dot = by('live'), off = by('offline');
    if (!dot) return;
    dot.dataset.state = state;
    dot.textContent = state === 'live' ? 'Live' : 'Not live';
    if (!off) return;
    const stale = state === 'off';
    if (stale === !off.hidden) return;
    off.hidden = !stale;
    off.textContent = stale ? 'Not live: the console does not answer. What you see is as of ' + by('asof').textContent + '.' : '';
  }

  function connect() {
    if (!source || events) return;
    events = new EventSource(source);
    events.addEventListener('open', () => {
      clearTimeout(failed); failed = 0;
      live('live');
      if (opened++) refresh(); // whatever happened in between
    });
    events.addEventListener('change', e => {
      const news = JSON.parse(e.data), mine = body.dataset.site;
      if (news.all || !mine || (news.sites || []).includes(mine)) refresh();
    });
    events.addEventListener('error', () => {
      if (!failed) failed = setTimeout(() => live('off'), 5000);
      if (events.readyState === EventSource.CLOSED) { // refused for good: logged out, perhaps
        events = null;
        setTimeout(connect, 10000);
        refresh();
      }
    });
  }

  // A page in the background holds no connection: a browser has six of them.
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) { if (events) events.close(); events = null; } else connect();
  });
  connect();
  if (source) setInterval(refresh, 60000); // ages

  document.addEventListener('htmx:beforeSwap', e => {
    const x = e.detail.xhr;
    if (x.responseURL && new URL(x.responseURL).pathname === '/login') { e.detail.shouldSwap = false; location.reload(); }
  });
  for (const kind of ['htmx:sendError', 'htmx:responseError', 'htmx:timeout']) document.addEventListener(kind, () => live('off'));
  document.addEventListener('htmx:afterRequest', e => {
    if (e.detail.successful && events) live('live');
  });
  document.addEventListener('htmx:afterSettle', e => {
    const rows = by('rows'), said = by('said');
    if (rows && said && e.detail.requestConfig && e.detail.requestConfig.triggeringEvent && e.detail.requestConfig.triggeringEvent.type !== 'live') said.textContent = rows.dataset.say;
  });

  for (const b of document.querySelectorAll('[data-copy]')) {
    b.hidden = false;
    const label = b.textContent;
    b.addEventListener('click', async () => {
      const text = document.querySelector(b.dataset.copy);
      let ok = true;
      try { await navigator.clipboard.writeText(text.textContent); } catch {
        if (text.closest('details')) text.closest('details').open = true;
        getSelection().selectAllChildren(text);
        try { ok = document.execCommand('copy'); } catch { ok = false; }
      }
      b.textContent = ok ? 'Copied' : 'Selected: press Ctrl+C';
      by('said').textContent = b.textContent;
      setTimeout(() => { b.textContent = label; }, 3000);
    });
  }
  for (const e of document.querySelectorAll('select[data-submit]')) e.addEventListener('change', () => e.form.submit());
})();
