package gateway

import (
	"errors"
	"hash/maphash"
	"sync"
	"sync/atomic"

	ringfence "github.com/ringfencehq/ringfence"
)

// errSessionTaken says that a session id belongs to another tenant or user already.
var errSessionTaken = errors.New("the session belongs to another")

// Owner is whose a session is.
type Owner struct {
	Tenant ringfence.Tenant
	User   string
}

// Session is one session of a back end, and the store's word on it. Safe for concurrent use.
type Session struct {
	id    string
	owner Owner
	ended atomic.Bool
}

// ID returns the id by which the back end named the session.
func (s *Session) ID() string { return s.id }

// Owner returns whose the session is.
func (s *Session) Owner() Owner { return s.owner }

// Live reports whether the session was not ended, by its client, by its socket's end, by revocation or by who called End.
func (s *Session) Live() bool { return !s.ended.Load() }

// Sessions is the gateway's record of which session is whose. Rules look sessions up here on every message: a session that
// was ended, or that belongs to somebody else by now, is refused wherever its socket is. Safe for concurrent use.
type Sessions struct {
	seed   maphash.Seed
	shards [64]sessionShard
}

type sessionShard struct {
	sync.RWMutex
	byID map[string]*Session
}

// newSessions returns an empty store.
func newSessions() *Sessions {
	s := &Sessions{seed: maphash.MakeSeed()}
	for i := range s.shards {
		s.shards[i].byID = map[string]*Session{}
	}
	return s
}

func (s *Sessions) shard(h uint64) *sessionShard { return &s.shards[h%uint64(len(s.shards))] }

// begin puts a session into the store. An id that is there for the same owner is ended and begun anew; for another owner it is
// errSessionTaken.
func (s *Sessions) begin(id string, o Owner) (*Session, error) {
	sh := s.shard(maphash.String(s.seed, id))
	sh.Lock()
	defer sh.Unlock()
	if old := sh.byID[id]; old != nil {
		if old.owner != o {
			return nil, errSessionTaken
		}
		old.ended.Store(true)
	}
	n := &Session{id: id, owner: o}
	sh.byID[id] = n
	return n, nil
}

// Lookup returns the session of an id, or nil. It does not keep id.
func (s *Sessions) Lookup(id []byte) *Session {
	sh := s.shard(maphash.Bytes(s.seed, id))
	sh.RLock()
	defer sh.RUnlock()
	return sh.byID[string(id)]
}

// End ends the session of an id, in this process; there need be none. Its socket's next message that needs it is refused.
func (s *Sessions) End(id string) {
	sh := s.shard(maphash.String(s.seed, id))
	sh.Lock()
	defer sh.Unlock()
	if old := sh.byID[id]; old != nil {
		old.ended.Store(true)
		delete(sh.byID, id)
	}
}

// release ends exactly this session: one begun anew under the same id stays.
func (s *Sessions) release(gone *Session) {
	gone.ended.Store(true)
	sh := s.shard(maphash.String(s.seed, gone.id))
	sh.Lock()
	defer sh.Unlock()
	if sh.byID[gone.id] == gone {
		delete(sh.byID, gone.id)
	}
}

// Len returns how many sessions are live.
func (s *Sessions) Len() int {
	n := 0
	for i := range s.shards {
		s.shards[i].RLock()
		n += len(s.shards[i].byID)
		s.shards[i].RUnlock()
	}
	return n
}
