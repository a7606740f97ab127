// Package story turns states of sites into stories: one per trouble of a site, with
// the indication "HA Status is not ready", its reasons inside.
//
// When to open, reopen, monitor and close is decided by the life cycle of
// agent/alarm, run over the console's own verdict ([site.Judge]) with the tenant's
// settings, on the console's clock. All that it knows is in the store, so every
// step is: lock the site, restore, step, save, in one transaction with the story,
// its timeline and the messages to be sent. Two consoles on one database therefore
// never step a site twice, and a console that dies has told what it saved.
//
// A site is stepped when a report of it is taken ([Service.Apply], called by the
// ingest) and when its deadline comes ([Service.Tick]): the end of a delay, or of the
// time in which a Socket should have reported.
//
//	clear, pending     no story, or a closed one
//	raised             open
//	clearing           monitoring: ready again, but not for long enough
//
// Silence closes nothing, and silence of our own opens nothing: after a gap in
// which no console was listening, Sockets are awaited before they are blamed, and
// the life cycles resume instead of counting the gap.
//
// While a story is muted, nothing is sent of it but that it is closed; when the mute
// ends and the story stands, that is sent.
package story
