package gateway

import "sync"

// tasks counts what runs beside the caller, so that the end can wait for it. Unlike a sync.WaitGroup it may be waited for while
// its first task begins: a hijacked connection is no server's any more, and a socket may come alive while the gateway drains.
// The zero value is ready. Safe for concurrent use.
type tasks struct {
	mu   sync.Mutex
	n    int
	none []chan struct{} // closed at the moment when n falls to 0
}

// begin counts one task; the function it returns ends it, and is called once.
func (t *tasks) begin() (end func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n++
	return t.end
}

func (t *tasks) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n--; t.n > 0 {
		return
	}
	for _, c := range t.none {
		close(c)
	}
	t.none = nil
}

// run runs f beside, counted from before run returns until f does.
func (t *tasks) run(f func()) {
	end := t.begin()
	go func() {
		defer end()
		f()
	}()
}

// gone is closed as soon as no task runs.
func (t *tasks) gone() <-chan struct{} {
	c := make(chan struct{})
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n == 0 {
		close(c)
		return c
	}
	t.none = append(t.none, c)
	return c
}
