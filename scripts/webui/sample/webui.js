'use strict';
const tabs = [...document.querySelectorAll('[role=tab]')];
const select = tab => {
  for (const t of tabs) {
    const on = t === tab;
    t.setAttribute('aria-selected', on);
    t.tabIndex = on ? 0 : -1;
    document.getElementById(t.getAttribute('aria-controls')).hidden = !on;
  }
};
tabs.forEach((tab, i) => {
  tab.addEventListener('click', () => select(tab));
  tab.addEventListener('keydown', e => {
    const step = {ArrowRight: 1, ArrowLeft: -1}[e.key];
    if (!step) return;
    const next = tabs[(i + step + tabs.length) % tabs.length];
    select(next);
    next.focus();
  });
});

// HA: the badge says in words what the tab would show.
const words = {ready: 'Ready', not_ready: 'Not Ready', unknown: 'Unknown'};
document.addEventListener('socketha-state', e => {
  const badge = document.getElementById('badge');
  badge.hidden = false;
  badge.dataset.state = e.detail.state;
  badge.textContent = words[e.detail.state];
});
