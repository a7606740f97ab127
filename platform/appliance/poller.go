package appliance

import "time"

const (
	// pollEvery is how long files are believed where changes are not notified.
	pollEvery = 2 * time.Second

	// recheckEvery is how long they are believed where changes are: file
	// systems exist that do not notify (network, overlay), and so does what is
	// mounted over a folder.
	recheckEvery = time.Minute
)

// poller is the notifier that never has a notice.
type poller struct{ closed chan struct{} }

func newPoller() *poller { return &poller{closed: make(chan struct{})} }

func (p *poller) follow([]string) time.Duration { return pollEvery }

func (p *poller) wait(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-p.closed:
	case <-timer.C:
	}
}

func (p *poller) writing(string) bool { return false }

func (p *poller) close() { close(p.closed) }
