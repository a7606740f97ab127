package store

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// maxBatch bounds the updates that share a transaction.
const maxBatch = 256

// writeTimeout bounds one transaction. A disk or a server that takes longer is
// told of as an error; what was to be written is not acknowledged.
const writeTimeout = 30 * time.Second

// tries is how often an update is run when the database asks for another try.
const tries = 4

// job is one update waiting to be written.
type job struct {
	ctx   context.Context // of the caller: an update that nobody waits for is not begun
	key   string          // orders the locks of a batch
	alone bool            // locks rows of its own choice: shares no transaction
	fn    func(*Tx) error
	done  chan error // capacity 1
}

// writer owns one connection that writes. While it commits one batch the next
// one gathers: the slower the disk, the larger the batches.
type writer struct {
	store    *Store
	queue    chan job
	quit     chan struct{}
	finished chan struct{}
	once     sync.Once
	session  session
	batch    []job
}

func newWriter(s *Store, queue int) *writer {
	return &writer{
		store: s, queue: make(chan job, queue), quit: make(chan struct{}), finished: make(chan struct{}),
		session: session{db: s.write},
	}
}

func (w *writer) close() { w.once.Do(func() { close(w.quit) }) }

// submit waits until the job is on disk, or was refused.
func (w *writer) submit(j job) error {
	j.done = make(chan error, 1)
	select {
	case <-w.quit:
		return ErrClosed
	default:
	}
	select {
	case w.queue <- j:
	default:
		return ErrBusy
	}
	select {
	case err := <-j.done:
		return err
	case <-w.finished:
	}
	select { // it may have been the last one written
	case err := <-j.done:
		return err
	default:
		return ErrClosed
	}
}

func (w *writer) run(ctx context.Context) {
	defer close(w.finished)
	defer w.session.reset()
	for {
		select {
		case j := <-w.queue:
			w.gather(j)
			w.flush(ctx)
			continue
		default:
		}
		select {
		case j := <-w.queue:
			w.gather(j)
			w.flush(ctx)
		case <-w.quit:
			if len(w.queue) == 0 {
				return
			}
		}
	}
}

// gather takes what waits, up to a batch.
func (w *writer) gather(first job) {
	w.batch = append(w.batch[:0], first)
	for len(w.batch) < maxBatch {
		select {
		case j := <-w.queue:
			w.batch = append(w.batch, j)
			continue
		default:
		}
		return
	}
}

// flush writes the batch: together, or each by itself if that fails. Locks are
// taken in the order of keys, by every process.
func (w *writer) flush(ctx context.Context) {
	ctx = context.WithoutCancel(ctx) // what was begun is ended
	slices.SortStableFunc(w.batch, func(a, b job) int { return cmp.Compare(a.key, b.key) })
	var together []job
	for _, j := range w.batch {
		switch {
		case j.ctx.Err() != nil:
			j.done <- j.ctx.Err()
		case j.alone:
			w.single(ctx, j)
		default:
			together = append(together, j)
		}
	}
	switch {
	case len(together) == 1:
		w.single(ctx, together[0])
	case len(together) > 1:
		results := make([]error, len(together))
		if err := w.transact(ctx, together, results); err != nil {
			w.store.cfg.Log.DebugContext(ctx, "batch rolled back, each by itself", slog.Int("updates", len(together)), slog.Any("error", err))
			for _, j := range together {
				w.single(ctx, j)
			}
			return
		}
		for i, j := range together {
			j.done <- results[i]
		}
	}
}

func (w *writer) single(ctx context.Context, j job) {
	var err error
	for range tries {
		results := make([]error, 1)
		if err = w.transact(ctx, []job{j}, results); err == nil {
			err = results[0]
			break
		}
		if !w.store.engine.retry(err) {
			break
		}
	}
	j.done <- err
}

// transact runs the jobs in one transaction. A job that fails without having
// touched the database fails alone; any other error undoes everything.
func (w *writer) transact(ctx context.Context, jobs []job, results []error) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	tx := &Tx{store: w.store, session: &w.session, ctx: ctx, Now: time.Now()}
	err := w.session.transaction(ctx, w.store.engine.begin(), func() error {
		for i, j := range jobs {
			tx.wrote = false
			results[i] = j.fn(tx)
			if tx.failed != nil {
				return tx.failed
			}
			if results[i] != nil && tx.wrote {
				return results[i]
			}
		}
		return tx.notify()
	})
	if err != nil {
		return err
	}
	if w.store.engine.notify() == "" {
		for _, e := range tx.events {
			w.store.hub.publish(e)
		}
	}
	return nil
}
