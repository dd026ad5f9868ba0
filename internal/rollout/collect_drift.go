package rollout

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ringfencehq/ringfence/internal/apply"
	"github.com/ringfencehq/ringfence/internal/pg"
)

var (
	drift    = Collector{Name: "drift", How: "fingerprints of every object that the plan touches", Holds: 10 * time.Minute, Collect: collectDrift}
	identity = Collector{Name: "identity", How: "pg_control_system() and the server's version", Holds: 10 * time.Minute, Collect: collectIdentity}
)

// collectDrift compares every object that the plan touches with what the plan expects, as apply does before it begins.
func collectDrift(ctx context.Context, t *Target) Finding {
	_, err := apply.Run(ctx, apply.Options{Plan: t.Plan, Connect: t.Connect, DryRun: true})
	var stale *apply.StaleError
	switch {
	case errors.As(err, &stale):
		return Finding{Outcome: Fail, Value: fmt.Sprintf("%d objects", len(stale.Objects)), Why: stale.Error(), Raw: stale.Objects}
	case err != nil:
		return unknown("the target could not be compared with the plan: %v", err)
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
	ok := s.SystemIdentifier == t.Stage.SystemIdentifier && s.Database == t.Stage.Database
	return known(ok, value, map[bool]string{true: "it is the target that was named", false: "it is not the target that was named: " + t.Stage.Database + " on " + t.Stage.SystemIdentifier}[ok])
}
