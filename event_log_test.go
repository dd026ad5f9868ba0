package ringfence

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

// A log tells of an event at the level of its severity, with what is known of who asked.
func TestLogRecorder(t *testing.T) {
	var out bytes.Buffer
	r := LogRecorder{Logger: slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	for _, e := range []Event{
		{Type: ServiceCall, Tenant: "acme", Detail: map[string]string{"function": "report"}},
		{Type: CrossTenant, User: "anna", AttemptedTenant: "globex\nlevel=INFO"},
		{Type: ServiceCall, Severity: Warning},
	} {
		if err := r.Record(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 3 {
		t.Fatalf("%d lines of three events:\n%s", len(lines), out.String())
	}
	for i, want := range [][]string{
		{"level=INFO", string(ServiceCall), "tenant=acme", "function=report"},
		{"level=ERROR", string(CrossTenant), "user=anna", `attempted_tenant="globex\nlevel=INFO"`},
		{"level=WARN"},
	} {
		for _, w := range want {
			if !strings.Contains(lines[i], w) {
				t.Errorf("no %s in %s", w, lines[i])
			}
		}
	}
}
