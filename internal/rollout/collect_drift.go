package rollout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/apply"
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/plan"
	"github.com/ringfencehq/ringfence/internal/rollout/ledger"
)

var (
	drift    = Collector{Name: "drift", How: "fingerprints of every object that the plan touches", Holds: 10 * time.Minute, Collect: collectDrift}
	identity = Collector{Name: "identity", How: "pg_control_system(), pg_control_checkpoint(), the server's version, and the mark that the rollout wrote into the database", Holds: 10 * time.Minute, Collect: collectIdentity}
)

// collectDrift compares every object that the plan touches with what the plan expects, as apply does before it begins.
func collectDrift(ctx context.Context, t *Target) Finding {
	if t.State != nil && !t.State.stage(t.Stage.Name).Observing.IsZero() {
		return unknown("the mode that refuses nothing is in place, which changes the tables: advance takes it away, and compares then")
	}
	_, err := apply.Run(ctx, apply.Options{Plan: t.Plan, Connect: t.Connect, DryRun: true})
	var stale *apply.StaleError
	switch {
	case errors.As(err, &stale):
		return Finding{Outcome: Fail, Value: fmt.Sprintf("%d objects", len(stale.Objects)), Why: stale.Error(), Raw: stale.Objects}
	case err != nil:
		return unknown("the target could not be compared with the plan: %v", err)
	}
	if moved, err := t.rolesMoved(ctx); err != nil || len(moved) > 0 {
		if err != nil {
			return unknown("the roles could not be compared with those of the rehearsal: %v", err)
		}
		return Finding{Outcome: Fail, Value: fmt.Sprintf("%d roles", len(moved)), Why: "since the rehearsal judged them, roles changed: " + strings.Join(moved, ", "), Raw: moved}
	}
	return known(true, "0 objects", "each object is as the plan expects it, or as one of its steps leaves it")
}

// collectIdentity holds the target to the one that was named.
func collectIdentity(ctx context.Context, t *Target) Finding {
	m, err := t.model(ctx)
	if err != nil {
		return unknown("the target could not be asked: %v", err)
	}
	s := m.Snapshot.Server
	value := fmt.Sprintf("%s on %s, PostgreSQL %d", s.Database, s.SystemIdentifier, pg.Version(s.VersionNum).Major())
	if s.SystemIdentifier == "" {
		return unknown("the session may not read the system identifier: GRANT EXECUTE ON FUNCTION pg_catalog.pg_control_system() TO it")
	}
	raw := whoAnswers{Server: s, Program: program()}
	f := known(false, value, "it is not the target that was named: "+t.Stage.Database+" on "+t.Stage.SystemIdentifier)
	if s.SystemIdentifier == t.Stage.SystemIdentifier && s.Database == t.Stage.Database {
		f = t.query(ctx, func(conn *pgx.Conn) Finding {
			var err error
			if raw.Mark, err = ledger.MarkOf(ctx, conn, t.Rollout.ID); err != nil {
				return unknown("the target's mark could not be read: %v", err)
			}
			return marked(t.Rollout, t.Stage, raw.Mark)
		})
		f.Value = value
	}
	_ = t.query(ctx, func(conn *pgx.Conn) Finding { // kept where the session may read it; which server it is does not depend on it
		if err := conn.QueryRow(ctx, "SELECT timeline_id FROM pg_catalog.pg_control_checkpoint()").Scan(&raw.Timeline); err != nil {
			return unknown("%v", err)
		}
		return Finding{}
	})
	f.Raw = raw
	return f
}

// whoAnswers is the evidence of a target's identity: the server, its timeline, which a failover changes, and the program that looked.
type whoAnswers struct {
	Server   catalog.Server `json:"server"`
	Timeline int64          `json:"timeline,omitempty"` // 0: the session may not read it
	Mark     string         `json:"mark,omitempty"`     // that the rollout wrote when it was begun
	Program  string         `json:"program"`
}

// program says which build of this program looks: its version and revision, as the build recorded them.
func program() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "not recorded"
	}
	words := []string{info.Main.Path, info.Main.Version, info.GoVersion}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" || s.Key == "vcs.modified" && s.Value == "true" {
			words = append(words, s.Key+"="+s.Value)
		}
	}
	return strings.Join(words, " ")
}

// rolesMoved names the roles that are not as they were when the rehearsal judged what they may do; none where there was no rehearsal,
// which other facts then miss.
func (t *Target) rolesMoved(ctx context.Context) ([]string, error) {
	if t.store == nil || t.State == nil {
		return nil, nil
	}
	was, err := t.State.Rehearsed(ctx, t.store, t.Stage)
	if err != nil || was == nil {
		return nil, err
	}
	conn, err := t.Connect(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	snapshot, err := catalog.Read(ctx, conn, catalog.Options{})
	if err != nil {
		return nil, err
	}
	var moved []string
	now := roles(snapshot)
	for name, print := range now {
		if before, ok := was.Roles[name]; ok && before != print && !t.planTouches(name) {
			moved = append(moved, name)
		}
	}
	slices.Sort(moved)
	return moved, nil
}

// planTouches reports whether a step of the plan is about the role, which apply compares by itself.
func (t *Target) planTouches(role string) bool {
	return slices.ContainsFunc(t.Plan.Steps, func(s plan.Step) bool {
		_, ok := s.Before["role "+catalog.QuoteIdent(role)]
		return ok || s.Object == catalog.QuoteIdent(role)
	})
}

// Rehearsed reads what the stage's rehearsal measured; nil where there was none that passed.
func (s *State) Rehearsed(ctx context.Context, store ledger.Store, stage *Stage) (*Rehearsed, error) {
	f, ok := s.Facts[factKey{stage.Name, rehearsalApply.Name}]
	if !ok || f.Outcome != Pass || f.Evidence == "" {
		return nil, nil
	}
	raw, err := store.Evidence(ctx, f.Evidence)
	if err != nil {
		return nil, fmt.Errorf("reading the rehearsal of %s: %w", stage.Name, err)
	}
	var r Rehearsed
	if err := json.Unmarshal(raw, &r); err != nil {
		return nil, fmt.Errorf("reading the rehearsal of %s: %w", stage.Name, err)
	}
	return &r, nil
}

// marked holds a database, whose server and name are right, to its mark.
func marked(r *Rollout, stage *Stage, mark string) Finding {
	for i := range r.Stages {
		other := &r.Stages[i]
		switch {
		case mark != "" && mark == other.Mark && other.Name != stage.Name:
			return known(false, other.Name, "it carries the mark of "+other.Name+": it is that database, or was copied from it since the rollout was begun")
		case mark == "" && other.Name != stage.Name && other.SystemIdentifier == stage.SystemIdentifier && other.Database == stage.Database:
			return unknown("it cannot be told from %s, which has the same system identifier and name, and it carries no mark: let the operator's role make the schema ringfence, and begin another rollout", other.Name)
		}
	}
	if mark != "" && mark != stage.Mark {
		return known(false, "", "it carries the mark of another target")
	}
	return known(true, "", "it is the target that was named")
}
