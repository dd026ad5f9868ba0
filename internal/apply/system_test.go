//go:build system

package apply

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// Every supported version: apply, kill inside a build, resume, take back.
func TestSystemEveryVersion(t *testing.T) {
	t.Parallel()
	for _, version := range []int{14, 15, 16, 17, 18} {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			server := pgtest.Server(t, version)
			s := shopOn(t, server.DB(t))
			before := s.state(t)
			p := withoutFill()
			writer := s.openWriter(t)
			c := self(t, job{DSN: s.DSN(s.owner), Plan: p})
			c.until(t, func(e Event) bool { return e.Step == 1 && e.Phase == "waiting for writers before build" })
			c.kill(t)
			if err := writer.Rollback(t.Context()); err != nil {
				t.Fatal(err)
			}
			res, err := Run(t.Context(), s.options(p))
			if err != nil {
				t.Fatalf("resuming: %v", err)
			}
			if n := res.Count(Did) + res.Count(Adopted); n != len(p.Steps) {
				t.Errorf("outcomes %v", outcomes(res))
			}
			if _, err := Rollback(t.Context(), s.options(p)); err != nil {
				t.Fatalf("taking back: %v", err)
			}
			if diff := cmp.Diff(before, s.state(t)); diff != "" {
				t.Errorf("the database (-before +after rollback):\n%s", diff)
			}
		})
	}
}
