package cli

import (
	"fmt"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/ringfencehq/ringfence/internal/visible"
)

// A progress tells a person how far long work is: a bar on a terminal, else at most one line a second on stderr. The zero
// value, and a nil one, say nothing. It is safe for concurrent use.
type progress struct {
	mu   sync.Mutex
	w    *World
	bar  *progressbar.ProgressBar
	last time.Time
	what string
	off  bool
}

// progress starts telling of what, in total units (0: unknown).
func (w *World) progress(quiet bool, what string, total int64) *progress {
	p := &progress{w: w, what: what, off: quiet}
	if !quiet && w.Terminal {
		if total == 0 {
			total = -1
		}
		p.bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(w.Stderr), progressbar.OptionSetDescription(what),
			progressbar.OptionSetWidth(24), progressbar.OptionShowCount(), progressbar.OptionClearOnFinish(),
			progressbar.OptionThrottle(65*time.Millisecond), progressbar.OptionSetElapsedTime(true))
	}
	return p
}

// at says that done of total units are behind, and what is being done now.
func (p *progress) at(done, total int64, now string) {
	if p == nil || p.off {
		return
	}
	now = visible.Line(now)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		if total > 0 {
			p.bar.ChangeMax64(total)
		}
		p.bar.Describe(now)
		_ = p.bar.Set64(done)
		return
	}
	if time.Since(p.last) < time.Second {
		return
	}
	p.last = time.Now()
	if total > 0 {
		fmt.Fprintf(p.w.Stderr, "%s: %d of %d, %s\n", p.what, done, total, now)
		return
	}
	fmt.Fprintf(p.w.Stderr, "%s: %s\n", p.what, now)
}

// done takes the bar away.
func (p *progress) done() {
	if p != nil && p.bar != nil {
		_ = p.bar.Finish()
	}
}

// note writes one line for people to stderr.
func (w *World) note(quiet bool, format string, args ...any) {
	if !quiet {
		fmt.Fprintln(w.Stderr, visible.Text(fmt.Sprintf(format, args...)))
	}
}
