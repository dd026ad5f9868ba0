package rollout

import (
	"fmt"
	"time"

	"github.com/ringfencehq/ringfence/internal/attest"
)

var clockRight = Gate{
	Name:  "clock",
	Title: "The clock is right, and goes forward",
	Doc: `This machine's clock is the server's, but for half a minute, and is not behind what the log tells of this stage: facts and signatures that have
expired would count again.`,
	Facts: []*Collector{&serverClock},
	Fixed: true,
	Own: func(s *State, stage *Stage, _ *attest.Approvers, at time.Time) (Outcome, string, error) {
		if last := s.latest[stage.Group()]; at.Before(last) {
			return Fail, fmt.Sprintf("it is %s now, and the log tells of %s: the clock was set back", at.UTC().Format(time.RFC3339), last.UTC().Format(time.RFC3339)), nil
		}
		return Pass, "", nil
	},
}
