package metrics

import (
	"net/http"
	"strconv"

	"socketha/agent/status"
)

// ContentType is that of the text format.
const ContentType = "text/plain; version=0.0.4; charset=utf-8"

// Source is what the metrics are made from, at each request anew. Both functions
// are called from many goroutines.
type Source struct {
	Document func() status.Document
	Counters func() Counters // nil: none but the document's
	Build    Build
}

// Handler answers GET and HEAD with the metrics; the server in front of it lets
// nothing else through and bounds what clients can hold.
func Handler(src Source) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		var c Counters
		if src.Counters != nil {
			c = src.Counters()
		}
		d := src.Document()
		b := Append(make([]byte, 0, 16<<10), &d, &c, src.Build)
		w.Header().Set("Content-Type", ContentType)
		w.Header().Set("Content-Length", strconv.Itoa(len(b)))
		_, _ = w.Write(b) // a client that went away needs no answer
	})
}
