package trail

import (
	"context"
	"errors"
	"sync"
)

// memoryStore is a Store that keeps to its contract, and fails as a test asks.
type memoryStore struct {
	mu   sync.Mutex
	rows map[ID]Event
	// order is the rows in the order of their coming.
	order []ID
	calls int
	// fault is asked at each call: before anything is stored, and after it was.
	fault func(call int, stored bool) error
}

func newMemoryStore() *memoryStore { return &memoryStore{rows: map[ID]Event{}} }

func (m *memoryStore) Append(ctx context.Context, batch []Event) ([]Stored, error) {
	m.mu.Lock()
	m.calls++
	call, fault := m.calls, m.fault
	m.mu.Unlock()
	if fault != nil {
		if err := fault(call, false); err != nil {
			return nil, err
		}
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	m.mu.Lock()
	out := make([]Stored, len(batch))
	for i := range batch {
		e := &batch[i]
		if _, ok := m.rows[e.Row]; !ok {
			m.rows[e.Row] = e.clone()
			m.order = append(m.order, e.Row)
		}
		out[i] = Stored{Row: e.Row, Hash: m.rows[e.Row].Hash}
	}
	m.mu.Unlock()
	if fault != nil {
		if err := fault(call, true); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (m *memoryStore) setFault(f func(call int, stored bool) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fault = f
}

func (m *memoryStore) all() []Event {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make([]Event, 0, len(m.order))
	for _, id := range m.order {
		out = append(out, m.rows[id])
	}
	return out
}

var errDown = errors.New("the store is down")

func down(int, bool) error { return errDown }
