// Package agent runs one Socket's side of the pair. It is the only place where
// the rooms meet: it adapts what platform sees of the machine to what peer says
// on the link, and both to the inputs of the status document.
//
// Everything that lasts is a task with Run(ctx) error under one errgroup. The
// agent's own task, observe, is the single writer of the published evaluation:
// whatever changes anywhere only wakes it up, and it reads all of the world anew.
package agent
