package edge

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	ringfence "github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/internal/nettest"
	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/trailsql"
	"github.com/ringfencehq/ringfence/trail"
)

// What the database has taken is signed, and the checkpoint leaves the node; the key stands in no log.
func TestCheckpoints(t *testing.T) {
	db := pgtest.DB(t)
	writer := db.Role(t, "writer", "LOGIN")
	pgtest.LoadSQL(t, db, "SET search_path = pg_catalog;\n"+strings.Join(append(trailsql.Install(), trailsql.Grant(trailsql.Writer, writer, trailsql.WithSchema)...), ";\n"))
	signer, verifier, err := trail.NewCheckpointKey(rand.Reader, "gw-1")
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"DSN": db.DSN(writer), "KEY": signer}
	look := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	text := `
backend: {url: "ws://b"}
protocol: {preset: voice}
auth: {issuers: [{name: x, audiences: [y], secret: {value: a secret of no less than 32 bytes}}], tenant_claims: [t]}
trail: {dir: "` + t.TempDir() + `", node: gw-1, database: {env: DSN}, key: {env: KEY}}
`
	f, err := parse([]byte(text), look)
	if err != nil {
		t.Fatal(err)
	}
	var log nettest.Log
	var out bytes.Buffer
	k, err := f.openTrail(Options{Log: slog.New(slog.NewTextHandler(&log, nil)), Checkpoints: &out}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Record(t.Context(), ringfence.Event{Type: ringfence.CrossTenant, Tenant: mine, AttemptedTenant: theirs}); err != nil {
		t.Fatal(err)
	}
	k.close()
	var last trail.Checkpoint
	for line := range strings.Lines(out.String()) {
		var one struct{ Checkpoint string }
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatal(err)
		}
		if last, err = trail.OpenCheckpoint(one.Checkpoint, verifier); err != nil {
			t.Fatal(err)
		}
	}
	if last.Node != "gw-1" || last.Size < 3 { // the start, the self-test, the refusal
		t.Errorf("the last checkpoint is %+v", last)
	}
	if strings.Contains(log.String()+out.String(), signer[:40]) {
		t.Error("the key was told")
	}
}
