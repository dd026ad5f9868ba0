//go:build system

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ringfencehq/ringfence/examples/restaurant/system"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// ringfence audit finds nothing that is high or critical, and ringfence prove --attack leaves no cell open or unproven. On the
// state before the remediation both say so: 3.
func TestSystemAuditAndProve(t *testing.T) {
	w := running(t)
	config := filepath.Join(w.dir, "ringfence.yaml")
	if err := os.WriteFile(config, system.Config, 0o600); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	server := &pgtest.Instance{Embedded: w.system.Embedded()}
	before := server.DB(t)
	schema := slices.DeleteFunc(strings.Split(system.Schema, "\n"), func(line string) bool { return strings.HasPrefix(line, "CREATE ROLE") }) // they are the cluster's
	pgtest.LoadSQL(t, before, strings.Join(schema, "\n")+system.Seed)
	for _, verb := range [][]string{{"audit"}, {"prove", "--attack"}} {
		for dsn, want := range map[string]int{w.system.DSN(pg.Superuser): 0, before.DSN(pg.Superuser): 3} {
			args := append(append([]string{"ringfence"}, verb...), dsn, "--config", config, "--quiet")
			cmd := exec.CommandContext(t.Context(), self, args...)
			if out, err := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != want {
				t.Errorf("ringfence %s: %v, want exit %d\n%s", strings.Join(verb, " "), err, want, out)
			}
		}
	}
}
