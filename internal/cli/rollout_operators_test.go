package cli

import (
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/ringfencehq/ringfence/internal/rollout/ledger"
)

// both runs two commands at once, each in a process of its own and by an operator of its own.
func (d *desk) both(first, second []string) (codes [2]int, said [2]string) {
	d.t.Helper()
	var wg sync.WaitGroup
	for i, args := range [][]string{first, second} {
		other := *d
		other.env = map[string]string{"RINGFENCE_OPERATOR": []string{"otto", "nora"}[i]}
		for name, value := range d.env {
			if name != "RINGFENCE_OPERATOR" {
				other.env[name] = value
			}
		}
		wg.Go(func() { codes[i], _, said[i] = other.child(args...) })
	}
	wg.Wait()
	return codes, said
}

// TestTwoOperators has two operators give the same command at once. What can be done once is done once, and the other one is told who does
// it; what both have measured, signed or done is kept.
func TestTwoOperators(t *testing.T) {
	d := newScene(t, false, func(definition string) string {
		return strings.Replace(definition, "[touch, deployed]", `[sh, -c, "echo x >> deployed"]`, 1)
	})
	write(t, "healthy", "")
	twice := func(args ...string) ([2]int, [2]string) { t.Helper(); return d.both(args, args) }
	once := func(codes [2]int, said [2]string, why ...string) {
		t.Helper()
		for i, code := range codes {
			if code == 0 && codes[1-i] == 4 {
				for _, w := range why {
					if strings.Contains(said[1-i], w) {
						return
					}
				}
				t.Errorf("the other one is not told why, as one of %q:\n%s", why, said[1-i])
				return
			}
		}
		t.Fatalf("they end with %v\n%s\n%s", codes, said[0], said[1])
	}

	signed := d.counted(ledger.KindSignature)
	codes, said := d.both([]string{"rollout", "sign", "--role", "technical_lead", "--key", "tess", "-q"}, []string{"rollout", "sign", "--role", "security", "--key", "sven", "-q"})
	if codes != [2]int{} || d.counted(ledger.KindSignature) != signed+2 {
		t.Errorf("of two signatures at once %d are kept: %v\n%s\n%s", d.counted(ledger.KindSignature)-signed, codes, said[0], said[1])
	}

	codes, said = twice("rollout", "advance", "--stage", "production", "-q")
	once(codes, said, "somebody else went on with it meanwhile: entry", "another run is under way", "is applied already")
	if text, _ := os.ReadFile("deployed"); string(text) != "x\n" || d.counted(ledger.KindOut) != 1 {
		t.Errorf("the code went out as %q, with %d entries of it", text, d.counted(ledger.KindOut))
	}

	for _, args := range [][]string{{"rollout", "return", "--stage", "production", "--rung", "no-force", "--reason", "x", "-q"},
		{"rollback", "out", d.env["PRODUCTION_DSN"], "--emergency", "--reason", "x", "-q"}} {
		before, done := d.counted(ledger.KindReturned), 0
		codes, said = twice(args...)
		for i, code := range codes {
			if code == 0 {
				done++
			} else if code != 4 || !strings.Contains(said[i], "another run holds the lease") {
				t.Errorf("ringfence %s: exit %d\n%s", args[0]+" "+args[1], code, said[i])
			}
		}
		if n := d.counted(ledger.KindReturned) - before; done == 0 || n != done {
			t.Errorf("%d returns were done, and %d are in the log", done, n)
		}
	}

	codes, said = twice("rollout", "close", "-q")
	once(codes, said, "somebody else went on with it meanwhile: entry", "is closed already")
	if n := d.counted(ledger.KindClosed); n != 1 {
		t.Errorf("it was closed %d times", n)
	}
}
