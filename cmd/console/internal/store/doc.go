// Package store keeps everything the console knows: sites, the newest report of
// each Socket, histories, stories, notifications still to be sent, users and
// settings. There is no other state: any number of `console serve` may share one
// PostgreSQL.
//
// One [Store], two engines below it, one SQL text for both. [Open] chooses:
//
//	sqlite:/var/lib/console/console.db     embedded, the default; one process
//	postgres://… or host=… dbname=…        for more
//
// # Writing
//
// Whatever changes a site happens in [Store.Update], under a lock on that site,
// and returns only after it is on disk. Updates that wait at the same time share
// one transaction (group commit): thousands a second cost a handful of syncs. If
// one of a batch fails, the batch is rolled back and each is run again by itself, so
// the function given to Update may run more than once and must set its results
// anew each time.
//
// Sites whose deadline has come are found by [Store.StepDue], which two processes
// may call at once: each site goes to one of them (FOR UPDATE SKIP LOCKED).
//
// # Reading
//
// Every query names the tenant first; nothing is found across tenants, but for
// the deadlines and the outbox, whose rows carry theirs. Lists are keyset pages: a
// cursor names the last row seen, so that page 1,000 costs what page 1 does.
//
// # Events
//
// [Store.Subscribe] tells which sites and stories have changed, in every process:
// PostgreSQL carries it by LISTEN/NOTIFY. A subscriber that falls behind is
// told to look at everything again.
//
// Times are kept as whole milliseconds since 1970 and returned in UTC.
package store
