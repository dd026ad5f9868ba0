package console

import (
	"context"
	"net/http"
	"path/filepath"

	"github.com/ringfencehq/ringfence/internal/rollout"
	"github.com/ringfencehq/ringfence/internal/rollout/ledger"
)

// A staged is one stage with the answer to whether it may begin, as it stands or stood.
type staged struct {
	Stage    rollout.Stage
	State    rollout.StageState
	Decision *rollout.Decision
	Error    string
}

// A road is one rollout as its page shows it.
type road struct {
	Name    string
	Rollout *rollout.Rollout
	Closed  bool
	Stages  []staged
	Entries paging[ledger.Entry]
	Error   string
}

// read opens a rollout's directory, and says what keeps it from being read.
func (s *subject) read(r *http.Request, dir string) road {
	out := road{Name: filepath.Base(dir)}
	b, err := rollout.OpenBundle(context.WithoutCancel(r.Context()), ledger.Directory(dir), nil)
	if err != nil {
		out.Error = err.Error()
		return out
	}
	out.Rollout, out.Closed = &b.State.Rollout, b.State.Closed
	for i := range b.State.Rollout.Stages {
		one := staged{Stage: b.State.Rollout.Stages[i]}
		if st := b.State.Stages[one.Stage.Name]; st != nil {
			one.State = *st
		}
		if one.Decision, err = b.DecideAsOf(&one.Stage, s.c.o.Now()); err != nil {
			one.Error = err.Error()
		}
		out.Stages = append(out.Stages, one)
	}
	out.Entries = paged(r, b.Log.Entries())
	return out
}

// rollouts lists the rollouts and where each stands.
func (s *subject) rollouts(w http.ResponseWriter, r *http.Request) {
	var all []road
	for _, dir := range s.Rollouts {
		all = append(all, s.read(r, dir))
	}
	s.render(w, r, "rollouts", "Rollouts", all)
}

// rollout shows one: its line of time, gates, facts and signatures.
func (s *subject) rollout(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Query().Get("name")
	for _, dir := range s.Rollouts {
		if filepath.Base(dir) == name {
			s.render(w, r, "rollout", "Rollout "+name, s.read(r, dir))
			return
		}
	}
	s.fail(w, r, http.StatusNotFound, "There is no rollout of that name.")
}

// Standing says in a word where the stage is.
func (s staged) Standing() string {
	switch {
	case !s.State.Returned.IsZero():
		return "taken back"
	case !s.State.Applied.IsZero():
		return "applied"
	case !s.State.Begun.IsZero():
		return "under way"
	case s.Decision == nil:
		return "unknown"
	case s.Decision.Green:
		return "may begin"
	}
	return "may not begin"
}
