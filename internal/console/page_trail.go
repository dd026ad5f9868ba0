package console

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/trail"
)

// shown bounds the events of a page.
const shown = 100

// eventFilter reads what the form asks for; what is no type or severity asks for nothing.
func eventFilter(q url.Values) trail.Filter {
	f := trail.Filter{Tenant: q.Get("tenant"), User: q.Get("user"), Limit: shown}
	if t := ringfence.EventType(q.Get("type")); slices.Contains(ringfence.EventTypes, t) {
		f.Types = []ringfence.EventType{t}
	}
	if s := ringfence.Severity(q.Get("severity")); slices.Contains(ringfence.Severities, s) {
		f.Severities = []ringfence.Severity{s}
	}
	return f
}

// trail shows the latest events, and more as they come.
func (s *subject) trail(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	own := struct {
		Missing, Error string
		Events         []trail.Event
		Types          []ringfence.EventType
		Severities     []ringfence.Severity
		Type, Severity string
		Tenant, User   string
		Stream         string
	}{Types: ringfence.EventTypes, Severities: ringfence.Severities, Type: q.Get("type"), Severity: q.Get("severity"), Tenant: q.Get("tenant"), User: q.Get("user"),
		Stream: "trail/stream?" + url.Values{"type": {q.Get("type")}, "severity": {q.Get("severity")}, "tenant": {q.Get("tenant")}, "user": {q.Get("user")}}.Encode()}
	if s.Events == nil {
		own.Missing = "There is no trail to read: give the console a DSN of a role that may read it."
	} else {
		var err error
		if own.Events, err = s.Events(r.Context(), eventFilter(q)); err != nil {
			own.Error = err.Error()
		}
	}
	s.render(w, r, "trail", "Trail", own)
}

const (
	pollEvery  = time.Second
	maxReaders = 64
	heartbeat  = 20 * time.Second
	window     = 500  // latest events that are looked at for new ones
	remembered = 4096 // ids that were told, at least
)

// What a page says of its own being live.
const (
	live   = "Live."
	unread = "Not live: the trail cannot be read."
)

// news is what a reader is told: events, the latest first, or whether the trail can be read.
type news struct {
	events []trail.Event
	state  string
}

// A hub asks the table once a second for whoever reads along, and tells each what it did not know. It asks nothing while nobody reads.
type hub struct {
	events func(context.Context, trail.Filter) ([]trail.Event, error)

	mu      sync.Mutex
	readers map[chan news]struct{}
	state   string // empty: the table was not asked yet
	stop    context.CancelFunc
}

// join adds a reader; the channel is closed by leave alone. False: there are too many.
func (h *hub) join() (chan news, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.readers) >= maxReaders {
		return nil, false
	}
	if h.readers == nil {
		h.readers = map[chan news]struct{}{}
	}
	ch := make(chan news, 16)
	h.readers[ch] = struct{}{}
	if len(h.readers) == 1 {
		ctx, stop := context.WithCancel(context.Background())
		h.stop, h.state = stop, ""
		go h.poll(ctx)
	} else if h.state != "" {
		ch <- news{state: h.state}
	}
	return ch, true
}

func (h *hub) leave(ch chan news) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.readers, ch)
	if len(h.readers) == 0 {
		h.stop()
	}
}

// poll tells readers of events whose id it has not seen; those that are there when it begins are on the page already.
func (h *hub) poll(ctx context.Context) {
	seen := map[trail.ID]bool{}
	first := true
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		events, err := h.events(ctx, trail.Filter{Limit: window})
		h.stand(ctx, err)
		if err == nil {
			var fresh []trail.Event
			now := make(map[trail.ID]bool, len(events))
			for _, e := range events {
				now[e.ID] = true
				if !seen[e.ID] && !first {
					fresh = append(fresh, e)
				}
			}
			if len(seen) > remembered {
				clear(seen)
			}
			for id := range now {
				seen[id] = true
			}
			first = false
			h.tell(fresh)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// stand tells each reader whether the table could be read, where that has changed.
func (h *hub) stand(ctx context.Context, err error) {
	state := live
	if err != nil {
		state = unread
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if ctx.Err() == nil && h.state != state {
		h.state = state
		h.send(news{state: state})
	}
}

// tell gives each reader the events.
func (h *hub) tell(events []trail.Event) {
	if len(events) == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.send(news{events: events})
}

// send gives news to each reader; one that does not keep up misses it, and its page says what the table holds when it is loaded.
func (h *hub) send(n news) {
	for ch := range h.readers {
		select {
		case ch <- n:
		default:
		}
	}
}

// matches reports whether the filter lets an event through, as the table's own query does.
func matches(f trail.Filter, e *trail.Event) bool {
	return (len(f.Types) == 0 || slices.Contains(f.Types, e.Type)) && (len(f.Severities) == 0 || slices.Contains(f.Severities, e.Severity)) &&
		(f.Tenant == "" || f.Tenant == e.Tenant) && (f.User == "" || f.User == e.User)
}

// stream sends events as they come, as server-sent events whose data is a row of the page's table.
func (s *subject) stream(w http.ResponseWriter, r *http.Request) {
	if s.Events == nil {
		http.Error(w, "there is no trail to read", http.StatusNotFound)
		return
	}
	filter := eventFilter(r.URL.Query())
	ch, ok := s.live.join()
	if !ok {
		http.Error(w, "too many pages read along", http.StatusServiceUnavailable)
		return
	}
	defer s.live.leave(ch)
	out := http.NewResponseController(w)
	_ = out.SetReadDeadline(time.Time{}) // where there is none to set, there is none to lift
	w.Header().Set("Content-Type", "text/event-stream")
	send := func(text string) bool {
		_ = out.SetWriteDeadline(time.Now().Add(writeTimeout))
		_, err := fmt.Fprint(w, text)
		return err == nil && out.Flush() == nil
	}
	if !send(": reading along\n\n") {
		return
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		select {
		case <-r.Context().Done():
			return
		case <-beat.C:
			if !send(": still here\n\n") {
				return
			}
		case n := <-ch:
			if n.state != "" && !send("event: state\ndata: "+n.state+"\n\n") {
				return
			}
			for _, e := range slices.Backward(n.events) {
				if matches(filter, &e) && !send(eventRow(&e)) {
					return
				}
			}
		}
	}
}

// eventRow renders an event as the page does, on one line.
func eventRow(e *trail.Event) string {
	var b bytes.Buffer
	if err := parsed["trail"].ExecuteTemplate(&b, "event", *e); err != nil { // the same template renders the page
		return ": an event could not be shown\n\n"
	}
	return "data: " + strings.Join(strings.Fields(b.String()), " ") + "\n\n"
}
