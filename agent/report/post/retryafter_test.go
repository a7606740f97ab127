package post

import (
	"net/http"
	"testing"
	"time"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(1970, 1, 1, 0, 5, 0, 0, time.UTC) // a clock that was never set
	const date = "Sun, 01 Mar 2026 03:00:00 GMT"
	for _, c := range []struct {
		value, date string
		want        time.Duration
	}{
		{"", "", 0},
		{"0", "", 0},
		{"120", "", 2 * time.Minute},
		{"2147483647", "", 2147483647 * time.Second},
		{"2147483648", "", 0},
		{"-5", "", 0},
		{"+5", "", 0},
		{"1.5", "", 0},
		{"soon", "", 0},
		{"Sun, 01 Mar 2026 03:02:00 GMT", date, 2 * time.Minute},
		{"Sunday, 01-Mar-26 03:02:00 GMT", date, 2 * time.Minute},
		{"Sun Mar  1 03:02:00 2026", date, 2 * time.Minute},
		{"Sun, 01 Mar 2026 02:00:00 GMT", date, 0},
		{"Thu, 01 Jan 1970 00:06:00 GMT", "", time.Minute},
		{"Thu, 01 Jan 1970 00:06:00 GMT", "nonsense", time.Minute},
	} {
		h := http.Header{}
		h.Set("Retry-After", c.value)
		h.Set("Date", c.date)
		if got := retryAfter(h, now); got != c.want {
			t.Errorf("%q with Date %q: %v, want %v", c.value, c.date, got, c.want)
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	f.Add("120", "")
	f.Add("Sun, 01 Mar 2026 03:02:00 GMT", "Sun, 01 Mar 2026 03:00:00 GMT")
	f.Fuzz(func(t *testing.T, value, date string) {
		h := http.Header{"Retry-After": {value}, "Date": {date}}
		if d := retryAfter(h, time.Unix(0, 0)); d < 0 {
			t.Errorf("%v", d)
		}
	})
}
