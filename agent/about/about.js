// The About page's script, and the same page as an element for another WebUI:
//
//   <script src="/v1/about.js" defer></script>
//   <socketha-about></socketha-about>
//
// Attributes: src, the address of /v1/about where the script does not lie beside
// it; theme, "light" or "dark" where the WebUI does not follow the system.
// Event: "socketha-state", whose detail is {state: "ready" | "not_ready" |
// "unknown", title}, at each change, for a badge on the tab, say.
//
// It asks the agent for the page and puts it in place of the last one; it builds
// no HTML and no verdict. Whenever no answer comes, it says "Status unknown".
(() => {
  'use strict';
  const EVERY = 4000; // ms between two questions
  const WAIT = 3000; // ms for an answer
  const AGAIN = 1000; // ms to the next question when there was no answer
  const LIMIT = EVERY + WAIT + 1000; // ms after which no answer counts any more
  const STREAM = 15000; // ms before a refused stream of events is tried again
  const script = document.currentScript ? document.currentScript.src : '/v1/about.js';
  if (customElements.get('socketha-about')) return;

  // How "Status unknown" looks where no page, and so no style, was ever received.
  const PLAIN = '.sha{font:max(1rem,15px)/1.5 system-ui,sans-serif;color:#1f2328;max-width:64em;margin:auto}' +
    '.sha .banner{background:#424a53;color:#fff;padding:1.25em;border-radius:12px 12px 0 0}.sha h2{margin:0;font-size:2em;line-height:1.2}' +
    '.sha .todo{background:#fff;padding:1.25em;border:1px solid #424a53;border-radius:0 0 12px 12px}.sha p{margin:.25em 0}' +
    '.sha .mark{font-size:2em;float:left;margin-right:.5em}.sha .first{font-weight:600}' +
    '.live{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}';

  const make = (tag, name, ...content) => {
    const e = document.createElement(tag);
    if (name) e.className = name;
    e.append(...content);
    return e;
  };

  // age says a number of seconds as the server does (age in words.go).
  const age = s => {
    s = Math.max(0, Math.floor(s));
    const m = Math.floor(s / 60), h = Math.floor(m / 60);
    if (s < 60) return s + ' s';
    if (m < 60) return m + ' min';
    if (h < 48) return h + ' h' + (m % 60 ? ' ' + (m % 60) + ' min' : '');
    return Math.floor(h / 24) + ' days';
  };

  class SockethaAbout extends HTMLElement {
    #root; #sheet; #page; #url;
    #xhr; #again = false; #stream; #next; #tick; #retry; #on;
    #good; // when the last answer came, by both clocks; undefined before the first
    #known = false; // whether what is shown is that answer
    #sn = ''; #state = ''; #build;

    connectedCallback() {
      this.#page = this.hasAttribute('page');
      this.#url = new URL(this.getAttribute('src') || new URL('about', new URL(script, document.baseURI)), document.baseURI);
      if (this.#page) {
        this.#root = this;
        this.#known = true;
        this.#good = this.#now();
        this.#taken(this.#child('sha'));
      } else {
        this.#root = this.shadowRoot || this.attachShadow({mode: 'open'});
        this.#sheet = new CSSStyleSheet();
        this.#sheet.replaceSync(PLAIN);
        this.#root.adoptedStyleSheets = [this.#sheet];
        this.#root.replaceChildren(make('div', 'sha', make('p', '', 'Asking the HA agent…')));
      }
      this.#on = new AbortController();
      const on = {signal: this.#on.signal};
      const look = () => { this.#watch(); this.#ask(); this.#listen(); };
      document.addEventListener('visibilitychange', look, on);
      addEventListener('pageshow', look, on);
      addEventListener('online', look, on);
      addEventListener('offline', look, on);
      this.#tick = setInterval(() => this.#second(), 1000);
      look();
    }

    disconnectedCallback() {
      this.#on.abort();
      clearInterval(this.#tick);
      clearTimeout(this.#next);
      clearTimeout(this.#retry);
      if (this.#xhr) this.#xhr.abort();
      this.#xhr = undefined;
      this.#again = false;
      if (this.#stream) this.#stream.close();
      this.#stream = undefined;
      this.#known = false;
    }

    attributeChangedCallback() { this.#theme(); }
    static observedAttributes = ['theme'];

    // child finds the box of the page or the line that is read out.
    #child(name) { return [...this.#root.children].find(e => e.classList.contains(name)); }

    #theme() {
      const top = this.#root && this.#child('sha');
      if (top && this.hasAttribute('theme')) top.dataset.theme = this.getAttribute('theme');
      else if (top) delete top.dataset.theme;
    }

    // Two clocks, for one may stand still while the machine sleeps.
    #now() { return [performance.now(), Date.now()]; }
    #silence() {
      const now = this.#now();
      return Math.max(...now.map((t, i) => t - this.#good[i]));
    }

    // watch lets an answer count no longer than it may.
    #watch() { if (this.#known && this.#silence() > LIMIT) this.#unknown(); }

    #second() {
      this.#watch();
      if (!this.#good) return;
      const s = this.#silence() / 1000;
      for (const e of this.#root.querySelectorAll('[data-age]')) e.textContent = age(+e.dataset.age + s);
    }

    // listen follows the events, which are only a reason to ask at once. A page
    // that nobody sees does without: the agent has few streams to give.
    #listen() {
      if (document.hidden) {
        if (this.#stream) this.#stream.close();
        this.#stream = undefined;
        return;
      }
      if (this.#stream && this.#stream.readyState !== EventSource.CLOSED) return;
      const stream = this.#stream = new EventSource(new URL('events', this.#url));
      stream.onmessage = () => this.#ask();
      stream.onerror = () => {
        this.#ask();
        if (stream.readyState !== EventSource.CLOSED) return;
        clearTimeout(this.#retry);
        this.#retry = setTimeout(() => { if (this.isConnected) this.#listen(); }, STREAM);
      };
    }

    // ask fetches the page. XMLHttpRequest gives a document that runs no script.
    #ask() {
      if (!this.isConnected) return;
      if (this.#xhr) { this.#again = true; return; }
      clearTimeout(this.#next);
      const x = this.#xhr = new XMLHttpRequest();
      x.open('GET', this.#url + '?element');
      x.responseType = 'document';
      x.timeout = WAIT;
      x.onloadend = () => {
        if (this.#xhr !== x) return;
        this.#xhr = undefined;
        const top = x.status === 200 && x.response && x.response.querySelector('.sha[data-meaning]');
        if (top) this.#show(x.response, top);
        else this.#unknown();
        const soon = this.#again && top;
        this.#again = false;
        this.#next = setTimeout(() => this.#ask(), soon ? 50 : top ? EVERY : AGAIN);
      };
      x.send();
    }

    // show puts the page received in place of the one shown. Where it says the
    // same, only ages and counters are renewed, so that a selection, the focus and
    // what was unfolded stay.
    #show(doc, top) {
      if (this.#page && this.#build !== top.dataset.build) return location.reload(); // the agent was updated
      this.#good = this.#now();
      const old = this.#child('sha');
      const live = e => [...e.querySelectorAll('[data-live],[data-age]')];
      const was = old ? live(old) : [], is = live(top);
      if (this.#known && old.dataset.meaning === top.dataset.meaning && was.length === is.length) {
        is.forEach((e, i) => {
          const o = was[i];
          if (e.dataset.age) o.dataset.age = e.dataset.age;
          if (e.hasAttribute('href')) o.setAttribute('href', e.getAttribute('href'));
          else if (o.textContent !== e.textContent) o.textContent = e.textContent;
        });
        return;
      }
      const focus = old && (this.shadowRoot || document).activeElement;
      const id = focus && old.contains(focus) ? focus.dataset.id : '';
      const open = [...this.#root.querySelectorAll('details[open]')].map(e => e.dataset.id);
      if (this.#sheet) this.#sheet.replaceSync(doc.querySelector('meta[name=style]').content);
      this.#replace(document.adoptNode(top));
      for (const e of top.querySelectorAll('details')) e.open = open.includes(e.dataset.id);
      if (id) { const e = [...top.querySelectorAll('[data-id]')].find(e => e.dataset.id === id); if (e) e.focus(); }
      this.#known = true;
      this.#taken(top);
      if (this.#page) {
        document.title = doc.title;
        const icon = document.querySelector('link[rel=icon]'), next = doc.querySelector('link[rel=icon]');
        if (icon && next) icon.replaceWith(document.adoptNode(next));
      }
    }

    // replace keeps the line that is read out, or no change of it would be.
    #replace(top) {
      let said = this.#child('live');
      if (!said) { said = make('p', 'live'); said.setAttribute('role', 'status'); }
      const box = this.#child('sha');
      if (box) box.replaceWith(top); else this.#root.replaceChildren(top);
      if (!said.parentNode) this.#root.append(said);
    }

    #taken(top) {
      for (const e of top.querySelectorAll('noscript')) e.remove();
      for (const e of top.querySelectorAll('[data-copy]')) {
        e.hidden = false;
        e.onclick = () => this.#copy(e);
      }
      this.#sn = top.dataset.sn || '';
      this.#build = top.dataset.build;
      this.#theme();
      this.#tell(top.dataset.state, top.dataset.title);
    }

    #tell(state, title) {
      if (this.#state === state + title) return;
      const first = !this.#state;
      this.#state = state + title;
      const said = this.#child('live');
      if (said && !first) said.textContent = title;
      this.dispatchEvent(new CustomEvent('socketha-state', {detail: {state, title}, bubbles: true, composed: true}));
    }

    // unknown takes everything off the page that was true once.
    #unknown() {
      if (!this.#known && this.#root.querySelector('.banner')) return;
      this.#known = false;
      const which = this.#sn ? 'this Socket (S/N ' + this.#sn + ')' : 'this Socket';
      const mark = make('span', 'mark', '?');
      mark.setAttribute('aria-hidden', 'true');
      const since = make('p', 'since', 'The HA agent of ' + which + ' does not answer.');
      if (this.#good) {
        const t = make('span', '', age(this.#silence() / 1000));
        t.dataset.age = '0';
        since.append(' Its last answer came ', t, ' ago.');
      }
      const top = make('div', 'sha',
        make('section', 'banner idle', mark, make('h2', '', 'Status unknown'), since),
        make('section', 'todo', make('p', 'label', 'What to do'),
          make('p', 'first', 'Check that ' + which + ' has power and can be reached, and that its HA agent runs: ', make('code', '', 'socketha status')),
          make('p', 'where', 'Until it answers, nobody knows here whether a failover would work. This page asks again every second.')));
      this.#replace(top);
      this.#theme();
      const title = 'Status unknown';
      if (this.#page) document.title = title + ' · HA status';
      this.#tell('unknown', title);
    }

    async #copy(button) {
      const text = this.#root.querySelector('[data-text]').textContent, label = button.dataset.copy;
      let done = false;
      try {
        await navigator.clipboard.writeText(text);
        done = true;
      } catch { // not a secure context, as most appliances' pages are not
        const area = make('textarea');
        area.value = text;
        button.after(area);
        area.select();
        done = document.execCommand('copy');
        area.remove();
        button.focus();
      }
      button.lastChild.data = done ? 'Copied' : 'Cannot copy: select the text below';
      const said = this.#child('live');
      if (said) said.textContent = button.lastChild.data;
      setTimeout(() => { button.lastChild.data = label; }, 3000);
    }
  }
  customElements.define('socketha-about', SockethaAbout);
})();
