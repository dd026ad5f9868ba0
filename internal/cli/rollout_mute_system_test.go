//go:build system

package cli

import (
	"strings"
	"testing"

	"github.com/ringfencehq/ringfence/internal/nettest"
)

// A database of a rollout goes mute at one moment after another: each verb ends, does not say GREEN, and loses nothing: what the log
// held is there, and with the server back the same words go on.
func TestSystemRolloutMute(t *testing.T) {
	d := newDesk(t)
	d.definition(prometheus(t), "")
	d.must(0, "rollout", "new", "-q")
	d.must(0, "rollout", "rehearse", "-q", "-o", "facts")
	staging := d.env["STAGING_DSN"]
	for _, verb := range []string{"status", "check", "advance", "watch"} {
		for _, n := range []int64{1, 8, 40} {
			words := []string{"rollout", verb}
			if verb == "watch" {
				words = append(words, "--before")
			}
			d.env["STAGING_DSN"], _ = d.dbs[0].GoesMute(t, "", nettest.SentTimes(n), false)
			code, out, errs := d.do(words...)
			if code != 0 && code != 1 && code != 4 && code != 5 || strings.Contains(out, "GREEN") {
				t.Errorf("%s, mute after %d messages: exit %d\n%s%s", verb, n, code, out, errs)
			}
			t.Logf("%s, mute after %d messages: exit %d: %.300s", verb, n, code, errs)
			d.env["STAGING_DSN"] = staging
			d.must(0, "rollout", "status", "-q")
			d.must(4, "rollout", "check", "-q")
		}
	}
	d.must(4, "rollout", "verify", defaultRolloutDir, "-q", "--root", d.lines["root"]) // red, as it was, and whole
}
